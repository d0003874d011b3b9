/** What the workspace's own ignore files leave out, as scans follow one another. */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { channelScripts } from '../../src/scripts/script.ts'
import type { Mirror } from '../../src/sync/mirror.ts'
import type { Look } from '../../src/sync/mirror-options.ts'
import { atOnce } from '../../src/sync/slices.ts'
import type { Entry, Scan } from '../../src/sync/snapshot.ts'
import { knownDifference, noteDifference } from '../../src/sync/snapshot-differences.ts'
import { WorkspaceIgnore } from '../../src/sync/workspace-ignore.ts'
import { digestOf, type TreePath, treePath } from '../../src/tree.ts'
import { newMirror } from '../support/local-mirror.ts'
import { type LocalSandbox, localSandbox } from '../support/local-sandbox.ts'

let host: string
beforeEach(() => {
  host = mkdtempSync(join(tmpdir(), 'sbx-ignore-'))
  mkdirSync(join(host, 'd'))
  writeFileSync(join(host, '.gitignore'), '*.log\n/out\n')
})
afterEach(() => rmSync(host, { recursive: true }))

test('an ignore file that is a link or a FIFO is none, and nobody waits for it', () => {
  const ignore = new WorkspaceIgnore(host)
  writeFileSync(join(host, 'patterns'), 'a\n')
  symlinkSync('../patterns', join(host, 'd/.gitignore'))
  ignore.entering(treePath('d'))
  expect(ignore.leavesOut(treePath('d/a'), () => false)).toBe(false)
  rmSync(join(host, 'd/.gitignore'))
  execFileSync('mkfifo', [join(host, 'd/.gitignore')])
  ignore.entering(treePath('d'))
  expect(ignore.leavesOut(treePath('d/a'), () => false)).toBe(false)
})

test('of ignore files as large as a sandbox likes the lines at their start count, up to a limit together', () => {
  const ignore = new WorkspaceIgnore(host)
  const long = `first\n${'x\n'.repeat(33_000)}last\n`
  for (let i = 0; i < 30; i++) {
    mkdirSync(join(host, `n${i}`))
    writeFileSync(join(host, `n${i}`, '.gitignore'), long)
    ignore.entering(treePath(`n${i}`))
  }
  const leavesOut = (path: string) => ignore.leavesOut(treePath(path), () => false)
  expect(['n0/first', 'n0/last', 'n15/first', 'n29/first'].map(leavesOut)).toEqual([
    true,
    false,
    true,
    false,
  ])
})

const file = (text: string): Entry => ({
  kind: 'file',
  digest: digestOf(Buffer.from(text)),
  executable: false,
})
const scanOf = (entries: Readonly<Record<string, Entry>>): Scan => ({
  snapshot: new Map(Object.entries(entries).map(([path, entry]) => [treePath(path), entry])),
  problems: [],
})
const pathsOf = ({ snapshot }: Scan) => [...snapshot.keys()].sort()

const first = () => ({
  '.gitignore': file('*.log\n/out\n'),
  d: { kind: 'directory' } as const,
  'd/a': file('a'),
  'd/a.log': file('log'),
  gone: file('gone'),
})

/** What a later scan holds, where it is known of both where they differ. */
function later(before: Scan, changes: Readonly<Record<string, Entry | undefined>>): Scan {
  const snapshot = new Map(before.snapshot)
  for (const [path, entry] of Object.entries(changes)) {
    if (entry === undefined) snapshot.delete(treePath(path))
    else snapshot.set(treePath(path), entry)
  }
  noteDifference(before.snapshot, snapshot, Object.keys(changes).map(treePath))
  return { snapshot, problems: [] }
}

test('an ignore file that is another one when it is read is read again, and one that is gone for a moment still holds', () => {
  const ignore = new WorkspaceIgnore(host)
  const text = '*.log\n'
  const held = (content: string) => {
    const scan = scanOf({ ...first(), '.gitignore': file(content) })
    atOnce(ignore.learn(scan.snapshot))
    return pathsOf(atOnce(ignore.filtered(scan))).includes(treePath('d/a.log'))
  }
  writeFileSync(join(host, '.gitignore'), 'other\n')
  expect(held(text)).toBe(true)
  writeFileSync(join(host, '.gitignore'), text)
  expect(held(text)).toBe(false)
  rmSync(join(host, '.gitignore'))
  expect(held('*.log\nother\n')).toBe(false)
  writeFileSync(join(host, '.gitignore'), 'other\n')
  expect(held('other\n')).toBe(true)
})

test('where a scan differs at a few paths, it is known where what is filtered differs', () => {
  const ignore = new WorkspaceIgnore(host)
  const scan = scanOf(first())
  atOnce(ignore.learn(scan.snapshot))
  const before = atOnce(ignore.filtered(scan))
  expect(pathsOf(before)).toEqual(['.gitignore', 'd', 'd/a', 'gone'])

  const changes = {
    'd/a': file('b'),
    'd/b.log': file('log'),
    'd/new': file('new'),
    out: file('out'),
    gone: undefined,
  }
  const next = later(scan, changes)
  atOnce(ignore.learn(next.snapshot))
  const after = atOnce(ignore.filtered(next))
  expect(pathsOf(after)).toEqual(['.gitignore', 'd', 'd/a', 'd/new'])
  expect(after.snapshot.get('d/a' as TreePath)).toEqual(file('b'))
  expect(pathsOf(before)).toEqual(['.gitignore', 'd', 'd/a', 'gone'])
  const known = knownDifference(before.snapshot, after.snapshot)
  expect([...(known ?? [])].sort()).toEqual(Object.keys(changes).sort())
})

test('what the ignore files say now is true of everything', () => {
  const ignore = new WorkspaceIgnore(host)
  const scan = scanOf(first())
  atOnce(ignore.learn(scan.snapshot))
  atOnce(ignore.filtered(scan))
  writeFileSync(join(host, '.gitignore'), 'a\n')
  const next = later(scan, { '.gitignore': file('a\n') })
  atOnce(ignore.learn(next.snapshot))
  expect(pathsOf(atOnce(ignore.filtered(next)))).toEqual(['.gitignore', 'd', 'd/a.log', 'gone'])
})

describe('in a mirror', () => {
  const context = { signal: new AbortController().signal, report: () => {} }
  let sandbox: LocalSandbox
  let mirror: Mirror
  beforeEach(() => {
    sandbox = localSandbox({ beside: true })
    mirror = newMirror(host, join(sandbox.folder, 'state/ancestor'), { gitignore: true })
  })
  afterEach(async () => {
    await mirror.close()
    sandbox.remove()
  })

  const sync = (look: Look = 'both') => mirror.sync(channelScripts(sandbox), look, context)
  const paths = (side: string) => readdirSync(side, { recursive: true, encoding: 'utf8' }).sort()
  const put = (side: string, path: string, text: string) => {
    mkdirSync(dirname(join(side, path)), { recursive: true })
    writeFileSync(join(side, path), text)
  }

  test.each([
    ['.venv/.gitignore', '*\n', '.venv/lib/made'],
    ['.gitignore', '.*\n*.bin\n', 'made.bin'],
  ])('%s, which names itself, holds after a command too', async (path, patterns, made) => {
    put(host, path, patterns)
    put(host, 'a', 'agreed')
    await sync()
    await sync()
    put(sandbox.root, made, 'inside')
    put(sandbox.root, 'a', 'changed')
    expect(await sync('sandbox')).toMatchObject({ toHost: ['a'], isComplete: true })
    expect(await sync()).toMatchObject({ toHost: [], toSandbox: [] })
    expect(existsSync(join(host, made))).toBe(false)
    expect(readFileSync(join(sandbox.root, made), 'utf8')).toBe('inside')
    expect(existsSync(join(sandbox.root, path))).toBe(false)

    rmSync(join(host, path))
    expect((await sync()).toHost).toContain(made)
  })

  const whitelist = ['*', '!*/', '!*.py', '!.gitignore']
  const ways = {
    '.gitignore': () => put(host, '.gitignore', `${whitelist.join('\n')}\n`),
    'sync.ignore': () => {
      rmSync(join(host, '.gitignore'))
      mirror = newMirror(host, join(sandbox.folder, 'state/ancestor'), { ignore: whitelist })
    },
  }
  test.each(Object.entries(ways))('all but some kinds of files is named by %s', async (_, give) => {
    give()
    for (const path of ['.env', 'a.py', 'd/e/b.py', 'd/e/secret', 'later']) put(host, path, 'host')
    symlinkSync('a.py', join(host, 'link'))
    await sync()
    const held = () => paths(sandbox.root)
    const sent = [...(existsSync(join(host, '.gitignore')) ? ['.gitignore'] : []), 'a.py', 'd']
    expect(held()).toEqual([...sent, 'd/e', 'd/e/b.py'])

    for (const path of ['made', '.env', 'n/c.py', 'n/made']) put(sandbox.root, path, 'inside')
    symlinkSync('n', join(sandbox.root, 'n.py'))
    expect((await sync('sandbox')).toHost).toEqual(['n', 'n.py', 'n/c.py'])
    expect(await sync()).toMatchObject({ toHost: [], toSandbox: [], isComplete: true })
    expect(readFileSync(join(host, '.env'), 'utf8')).toBe('host')

    // Of a name that stays, the kind decides anew.
    rmSync(join(host, 'later'))
    put(host, 'later/f.py', 'a directory now')
    expect((await sync()).toSandbox).toEqual(['later', 'later/f.py'])
  })

  test('what the sandbox has in the place of a file that is left out stays there', async () => {
    ways['.gitignore']()
    put(host, '.env', 'host')
    put(host, 'a.py', 'agreed')
    await sync()
    put(sandbox.root, '.env/f.py', 'inside')
    put(sandbox.root, 'dir/f.py', 'inside')
    expect(await sync()).toMatchObject({ toHost: ['dir', 'dir/f.py'], toSandbox: [] })
    rmSync(join(host, 'dir'), { recursive: true })
    writeFileSync(join(host, 'dir'), 'a file now')
    expect(await sync()).toMatchObject({ isComplete: true, problems: [] })
    expect(await sync('sandbox')).toMatchObject({ toHost: [], toSandbox: [], isComplete: true })
    expect(readFileSync(join(host, '.env'), 'utf8')).toBe('host')
    expect(readFileSync(join(host, 'dir'), 'utf8')).toBe('a file now')
    expect(readFileSync(join(sandbox.root, '.env/f.py'), 'utf8')).toBe('inside')
  })
})
