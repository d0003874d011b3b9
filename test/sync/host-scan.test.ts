import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DigestCache } from '../../src/sync/host/digest-cache.ts'
import { HostListing } from '../../src/sync/host/listing.ts'
import { scanHost } from '../../src/sync/host/scan.ts'
import { reasons } from '../../src/sync/snapshot.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import { digestOf, treePath } from '../../src/tree.ts'
import { asBoundUser } from '../support/bound-user.ts'

let root: string
let cache: DigestCache
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-scan-')))
  cache = new DigestCache()
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const put = (path: string, text = path, mode = 0o644) => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text, { mode })
}
const scan = (rules = new SyncRules()) => scanHost({ root, rules, cache })
const digest = async (path: string) => {
  const entry = (await scan()).snapshot.get(treePath(path))
  return entry?.kind === 'file' ? entry.digest : entry?.kind
}
const problems = async () => {
  const found = (await scan()).problems.map(({ path, side, reason }) => [path, side, reason])
  return found.sort()
}
const file = (text: string, executable = false) => ({
  kind: 'file',
  digest: digestOf(Buffer.from(text)),
  executable,
})
/** Long enough ago for a cache to rely on. */
const settle = (path: string) => utimesSync(join(root, path), 1e9, 1e9)

describe('a scan of the host', () => {
  test('tells files, directories and links, and follows none', async () => {
    put('a')
    put('d/e/run', 'x', 0o755)
    mkdirSync(join(root, 'empty'))
    symlinkSync('/etc', join(root, 'out'))
    symlinkSync('d', join(root, 'd2'))
    put('odd "\\ name\r')
    expect(Object.fromEntries((await scan()).snapshot)).toEqual({
      a: file('a'),
      d: { kind: 'directory' },
      'd/e': { kind: 'directory' },
      'd/e/run': file('x', true),
      empty: { kind: 'directory' },
      out: { kind: 'link', target: '/etc' },
      d2: { kind: 'link', target: 'd' },
      'odd "\\ name\r': file('odd "\\ name\r'),
    })
    expect(await problems()).toEqual([])
  })

  test('says what it cannot tell, and goes on', async () => {
    put('good')
    put('two\nlines')
    execFileSync('mkfifo', [join(root, 'fifo')])
    writeFileSync(Buffer.concat([Buffer.from(`${root}/bad-`), Buffer.from([0xff])]), '')
    writeFileSync(join(root, 'bad-\ufffd\ufffd'), '')
    symlinkSync('a\nb', join(root, 'l'))
    expect(await problems()).toEqual([
      ['bad-\ufffd', 'host', reasons.notUtf8],
      ['fifo', 'host', reasons.special],
      ['l', 'host', reasons.newline],
      ['two\nlines', 'host', reasons.newline],
    ])
    expect([...(await scan()).snapshot.keys()].sort()).toEqual(['bad-\ufffd\ufffd', 'good'])
  })

  test('what may not be read is a problem', async () => {
    for (const path of ['closed/x', 'listed/f', 'listed/d/x', 'f']) put(path)
    mkdirSync(join(root, 'empty'))
    symlinkSync('f', join(root, 'listed/l'))
    for (const path of ['f', 'closed']) chmodSync(join(root, path), 0)
    // Of these the names can be told, and nothing else.
    for (const path of ['listed', 'empty']) chmodSync(join(root, path), 0o400)
    await asBoundUser(root, async () => {
      expect(await problems()).toEqual([
        ['closed', 'host', reasons.denied],
        ['f', 'host', reasons.denied],
        ['listed', 'host', reasons.denied],
      ])
      expect([...(await scan()).snapshot.keys()]).toEqual(['empty'])
    })
    for (const path of ['closed', 'listed']) chmodSync(join(root, path), 0o700)
  })

  test('what may not be read any more, in the middle of a directory, is a problem', () =>
    asBoundUser(root, async () => {
      for (const path of ['d/a', 'd/b']) put(path)
      const looked = { entries: 0, readBytes: 0 }
      const listing = new HostListing({
        root,
        rules: new SyncRules(),
        cache,
        before: undefined,
        looked,
      })
      for (const _ of listing.all()) if (looked.readBytes > 0) chmodSync(join(root, 'd'), 0o400)
      chmodSync(join(root, 'd'), 0o700)
      expect(listing.entries.problems).toHaveLength(1)
      expect(listing.entries.problems[0]).toMatchObject({
        path: expect.stringMatching(/^d\/[ab]$/),
        reason: reasons.denied,
      })
      expect(listing.entries.snapshot.size).toBe(2)
    }))

  test('leaves out what the rules say, and our own temporary files', async () => {
    for (const path of [
      '.git/x',
      '.GIT/x',
      'hooks/x',
      'Git-Hooks',
      'sub/.git/x',
      'dist/x',
      'a.log',
    ])
      put(path)
    put(`.sbx-${'a'.repeat(32)}`)
    const names = async (rules?: SyncRules) =>
      [...(await scan(rules)).snapshot]
        .flatMap(([path, e]) => (e.kind === 'file' ? path : []))
        .sort()
    expect(await names()).toEqual(['a.log', 'dist/x', 'sub/.git/x'])
    const own = new SyncRules(['*.log', 'dist/', '.*', '!/.git', '!sub/.git'])
    expect(await names(own)).toEqual(['.git/x', 'sub/.git/x'])
  })

  test('no wildcard takes back what stays where it is, and nothing takes back what is ours', () => {
    const isLeftOut = (path: string, ...patterns: string[]) =>
      new SyncRules(patterns).leavesOut(treePath(path), () => true)
    for (const path of ['.git', 'hooks', 'Git-Hooks', '.sandbox-mcp']) {
      for (const patterns of [['*', '!*/'], ['!*'], ['!/**'], ['!.*', '![a-z]*']]) {
        expect([path, isLeftOut(path, ...patterns)]).toEqual([path, true])
      }
    }
    expect(isLeftOut('src', '*', '!*/')).toBe(false)
    expect(isLeftOut('hooks', '!hooks/')).toBe(false)
    expect(isLeftOut('.sandbox-mcp', '!/.sandbox-mcp')).toBe(true)
  })

  test.each(['hoo\u212as', 'HOOK\u017f', 'git-hoo\u212as', '.g\u200cit'])(
    'what a host may take for a name that stays where it is does so too: %j',
    (name) => {
      expect(new SyncRules().leavesOut(treePath(name))).toBe(true)
      expect(new SyncRules().leavesOut(treePath(`sub/${name}`))).toBe(false)
    },
  )

  test('a workspace that is gone or may not be searched halts the sync', async () => {
    put('f')
    chmodSync(root, 0o400)
    await asBoundUser(root, () => expect(scan()).rejects.toMatchObject({ code: 'SYNC_HALTED' }))
    chmodSync(root, 0o700)
    rmSync(root, { recursive: true })
    await expect(scan()).rejects.toMatchObject({ code: 'SYNC_HALTED' })
    symlinkSync('/etc', root)
    await expect(scan()).rejects.toMatchObject({ code: 'SYNC_HALTED' })
  })

  test('ends at the signal', async () => {
    for (let i = 0; i < 200; i++) put(`f${i}`, 'x'.repeat(1_000_000))
    const signal = AbortSignal.abort()
    const scanning = scanHost({ root, rules: new SyncRules(), cache, signal })
    await expect(scanning).rejects.toMatchObject({ code: 'CANCELLED' })
  })
})

describe('the cache of a scan', () => {
  test('spares reading what has not changed', async () => {
    put('f', 'one')
    const { size, mtimeMs, ctimeMs, ino, mode } = statSync(join(root, 'f'))
    const facts = ['f', size, mtimeMs, ctimeMs, ino, mode, 'from the cache']
    cache = new DigestCache(`sandbox-mcp digests 1\n${JSON.stringify(facts)}`)
    expect(await digest('f')).toBe('from the cache')
    expect(await digest('f')).toBe('from the cache')
    chmodSync(join(root, 'f'), 0o755)
    expect(await digest('f')).toBe(file('one').digest)
  })

  test('is not fooled by a change of the same size and time', async () => {
    put('f', 'one')
    settle('f')
    for (let i = 0; i < 50; i++) {
      put('f', `${100 + i}`)
      settle('f')
      expect(await digest('f')).toBe(file(`${100 + i}`).digest)
    }
  })

  test('is not fooled by another file that takes the place', async () => {
    put('f', 'one')
    put('g', 'two')
    for (const path of ['f', 'g']) settle(path)
    await scan()
    renameSync(join(root, 'g'), join(root, 'f'))
    expect(await digest('f')).toBe(file('two').digest)
    expect(await digest('g')).toBeUndefined()
  })

  test('relies on what is old enough, and survives as text within a limit', async () => {
    put('f', 'one')
    const old = statSync(join(root, 'f'))
    const add = (to: DigestCache, startedMs: number) => {
      to.add(treePath('f'), old, 'digest', startedMs)
      to.turn()
      return to
    }
    const known = (from: DigestCache) => from.digest(treePath('f'), lstatSync(join(root, 'f')))
    expect(known(add(new DigestCache(), old.ctimeMs))).toBeUndefined()
    const later = add(new DigestCache(), old.ctimeMs + 3000)
    expect(known(later)).toBe('digest')
    expect(known(new DigestCache(later.serialised(10_000)))).toBe('digest')
    expect(known(new DigestCache(later.serialised(50)))).toBeUndefined()
    for (const damaged of ['', 'x', `${later.serialised(10_000)}\n{`]) {
      expect(known(new DigestCache(damaged))).toBeUndefined()
    }
  })
})

test('others run while a large tree is scanned', async () => {
  for (let i = 0; i < 3000; i++) put(`d${i % 30}/f${i}`, 'x'.repeat(4000))
  put('large', 'x'.repeat(60_000_000))
  let turns = 0
  let isDone = false
  const turn = () => {
    turns++
    if (!isDone) setImmediate(turn)
  }
  const started = performance.now()
  turn()
  await scan()
  isDone = true
  // Far longer slices than there are, for machines that are busy; a scan in one piece has one turn.
  expect(turns).toBeGreaterThan(Math.max(2, (performance.now() - started) / 200))
})
