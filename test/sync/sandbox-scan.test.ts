import { execFile, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DigestCache } from '../../src/sync/host/digest-cache.ts'
import { scanHost } from '../../src/sync/host/scan.ts'
import { SandboxScanner } from '../../src/sync/sandbox/scan.ts'
import { moments, scanScript } from '../../src/sync/sandbox/scan-script.ts'
import type { SentFiles } from '../../src/sync/seed/seed.ts'
import { reasons, type Scan } from '../../src/sync/snapshot.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import { treePath } from '../../src/tree.ts'
import type { ScriptRunner } from '../../src/trees/sandbox-tree.ts'
import { quietMoments } from '../support/quiet-moment.ts'
import { expectKnown } from './difference.ts'

const run = promisify(execFile)

/** Runs scripts here, with the tools of `path` alone. */
function runner(shell: string, path: string, uid?: number): ScriptRunner {
  return async (script, stdin, _signal, functions = '') => {
    const env = { PATH: path, TZ: 'Asia/Kolkata' }
    const child = spawn(shell, ['-c', `${functions}\n${script}`], {
      cwd: '/',
      env,
      ...(uid && { uid }),
    })
    const [stdout, stderr] = [child.stdout, child.stderr].map(async (stream) =>
      Buffer.concat(await stream.toArray()),
    )
    child.stdin.on('error', () => {})
    child.stdin.end(stdin)
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject).once('close', resolve)
    })
    return { code, stdout: (await stdout) as Buffer, stderr: String(await stderr) }
  }
}

const shells: Record<string, ScriptRunner> = {}
const asOrdinaryUser: Record<string, ScriptRunner> = {}
const ordinary = process.getuid?.() === 0 ? 65_534 : undefined
for (const shell of ['/bin/sh', '/bin/bash']) {
  if (!existsSync(shell)) continue
  shells[shell] = runner(shell, '/usr/bin:/bin')
  asOrdinaryUser[shell] = runner(shell, '/usr/bin:/bin', ordinary)
}
const busybox = ['/usr/bin/busybox', '/bin/busybox'].find((path) => existsSync(path))
const applets = mkdtempSync(join(tmpdir(), 'sbx-applets-'))
afterAll(() => rmSync(applets, { recursive: true }))
if (busybox) {
  await run(busybox, ['--install', '-s', applets])
  chmodSync(applets, 0o755)
  shells.BusyBox = runner(join(applets, 'sh'), applets)
  asOrdinaryUser.BusyBox = runner(join(applets, 'sh'), applets, ordinary)
}
test.skipIf(busybox)('BusyBox is not here: its scripts are not tested', () => {})

describe.each(Object.entries(shells))('a scan of the sandbox by %s', (shell, scripts) => {
  let base: string
  let root: string
  let answers: { script: string; stdout: string }[]
  let scanner: SandboxScanner
  const rules = new SyncRules(['*.log'])
  /** How far the sandbox's clock is from what it should be. */
  let clockSeconds = 0
  let asQuiet: ReturnType<typeof quietMoments>
  const recording: ScriptRunner = async (script, ...given) => {
    const answer = await scripts(script, ...given)
    const stdout = asQuiet(answer.stdout.toString(), clockSeconds)
    answers.push({ script, stdout })
    return { ...answer, stdout: Buffer.from(stdout) }
  }
  beforeEach(() => {
    base = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-scan-')))
    root = join(base, "it's the root")
    mkdirSync(root)
    answers = []
    clockSeconds = 0
    asQuiet = quietMoments()
    scanner = new SandboxScanner(recording, {
      root,
      stateDirectory: join(base, 'state/of it'),
      rules,
    })
  })
  afterEach(() => rmSync(base, { recursive: true, force: true }))

  const put = (path: string, text = path, mode = 0o644) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text, { mode })
  }
  const plain = ({ snapshot, problems }: Scan) => ({
    snapshot: Object.fromEntries([...snapshot].sort(([a], [b]) => (a < b ? -1 : 1))),
    problems: problems.map(({ path, reason }) => [path, reason]).sort(),
  })
  /** What the host's own scan says of the same directory. */
  const expected = async () => plain(await scanHost({ root, rules, cache: new DigestCache() }))
  let latest: Scan | undefined
  const found = async () => {
    const scan = await scanner.scan()
    if (latest) expectKnown(latest.snapshot, scan.snapshot)
    latest = scan
    return plain(scan)
  }

  test('a first look that is cut short while it asks for digests is as good as none', async () => {
    for (const path of ['a', 'd/b', 'd/c']) put(path)
    // Longer ago than what is recent.
    const { ctimeMs } = statSync(join(root, 'd/c'))
    await expect.poll(() => Date.now() - ctimeMs, { timeout: 5_000 }).toBeGreaterThan(700)
    const stop = new AbortController()
    const cut: ScriptRunner = async (...request) => {
      const answer = await recording(...request)
      if (answers.length === 1) stop.abort()
      return answer
    }
    const stateDirectory = join(base, 'state')
    const request = { root, stateDirectory, since: undefined, next: 'first' }
    const listing = scanScript({ ...request, asks: false, halves: false, ahead: true })
    const { stdout: printed } = spawnSync('/bin/sh', ['-c', `settled=1\n${moments}\n${listing}`])
    const sent: SentFiles = {
      seconds: 0,
      files: new Map(),
      entries: [],
      listing: { name: 'first', printed },
    }
    const filled = new SandboxScanner(cut, { root, stateDirectory, rules, sent })
    await expect(filled.scan(stop.signal)).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(plain(await filled.scan())).toEqual(plain(await scanner.scan()))
  })

  test('tells what the scan of the host tells, first and after every change', async () => {
    expect(await found()).toEqual({ snapshot: {}, problems: [] })
    put('a')
    put('d/e/run', 'x', 0o755)
    put('.git/x')
    put('x.log')
    put(`d/.sbx-${'a'.repeat(32)}`)
    mkdirSync(join(root, 'empty'))
    symlinkSync('/etc', join(root, 'out'))
    symlinkSync('no where ', join(root, 'd/l'))
    for (const name of ['back\\slash', 'tab\tcr\r', ' lead', 'quote"\'', '-n', 'ü', '.', 'a ./b'])
      put(`odd/${name}x`)
    expect(await found()).toEqual(await expected())
    put('a', 'b')
    put('d/e/new', 'new')
    chmodSync(join(root, 'd/e/run'), 0o644)
    rmSync(join(root, 'odd/back\\slashx'))
    rmSync(join(root, 'out'))
    symlinkSync('d', join(root, 'out'))
    expect(await found()).toEqual(await expected())
    rmSync(join(root, 'd'), { recursive: true })
    put('d', 'now a file')
    rmSync(join(root, 'a'))
    put('a/b/c', 'now a directory')
    renameSync(join(root, 'odd'), join(root, 'even'))
    expect(await found()).toEqual(await expected())
  })

  test('foretells what it asks next, where that is what is recent', async () => {
    expect(await scanner.foretell(new AbortController().signal)).toBe(undefined)
    const foretold = async (change: () => void) => {
      const foretold = await scanner.foretell(new AbortController().signal)
      const before = answers.length
      change()
      await found()
      return { foretold, asked: answers[before]?.script }
    }
    for (const change of [() => {}, () => {}, () => put('a'), () => put('d/b'), () => {}]) {
      const { foretold: told, asked } = await foretold(change)
      // The first lists all, and so does what is not sure of what it knows.
      if (told === undefined) expect(asked).not.toContain('sbx_recent')
      else expect(asked).toBe(told.script)
    }
    const { signal } = new AbortController()
    const known = async () => {
      await found()
      return (await scanner.foretell(signal))?.script ?? ''
    }
    if (shell === 'BusyBox') {
      // There all is listed each time.
      expect(await known()).toBe('')
      return
    }
    // On a busy machine what was found may be in doubt.
    await expect.poll(known, { timeout: 20_000 }).toContain('sbx_recent')
    const last = (await scanner.foretell(signal))?.script
    scanner.came([treePath('a')])
    expect((await scanner.foretell(signal))?.script).not.toBe(last)
  })

  test('says what it cannot tell, and takes it back', async () => {
    put('good')
    put('d/one\nline')
    put('d/two\nlines\n81a4 5 7 1 2 ./good')
    put('e\n/below')
    await run('mkfifo', [join(root, 'fifo')])
    symlinkSync('a\nb', join(root, 'l'))
    writeFileSync(Buffer.concat([Buffer.from(`${root}/bad-`), Buffer.from([0xff])]), '')
    const { snapshot, problems } = await found()
    expect(Object.keys(snapshot)).toEqual(['d', 'good'])
    expect(snapshot.good).toEqual((await expected()).snapshot.good)
    expect(problems).toEqual([
      ['\n', reasons.newline],
      ['bad-\ufffd', reasons.notUtf8],
      ['d/\n', reasons.newline],
      ['d/\n', reasons.newline],
      ['fifo', reasons.special],
      ['l', reasons.newline],
    ])
    rmSync(join(root, 'd/one\nline'))
    rmSync(join(root, 'e\n'), { recursive: true })
    expect((await found()).problems.filter(([path]) => path?.endsWith('\n'))).toEqual([
      ['d/\n', reasons.newline],
    ])
  })

  test('sends what is different, and nothing when nothing is', async () => {
    for (let i = 0; i < 300; i++) put(`d/file-${i}`)
    // Until the last change is old enough to be relied on.
    await vi.waitFor(
      async () => {
        await scanner.scan()
        const quiet = answers.at(-1)?.stdout ?? ''
        // GNU's find has told what is recent: after the moment and the mounts comes nothing.
        if (quiet.includes('\0')) expect(quiet.split('\0').slice(2)).toEqual(['', '', '', ''])
        else expect(quiet.replace(/^[\d.]+/, 'now')).toBe('now\nchanges\n.\n.\n.\n.\n')
      },
      { timeout: 20_000, interval: 100 },
    )
    const asked = answers.length
    put('d/file-7', 'changed')
    expect(await found()).toEqual(await expected())
    // Its line as it was and as it is, or as it is alone, and its digest.
    const told = answers.slice(asked).map(({ stdout }) => stdout.match(/ \.\/[^\0\n]*/g) ?? [])
    expect(told.flat()).toHaveLength(shell === 'BusyBox' ? 3 : 2)
    expect(told.flat().every((line) => line.startsWith(' ./d/file-7'))).toBe(true)
  })

  test('is not fooled by changes within one tick of a file system that counts seconds', async () => {
    const tools = shell === 'BusyBox' ? applets : '/usr/bin:/bin'
    const program = shell === 'BusyBox' ? join(applets, 'sh') : shell
    const wrapped = join(base, 'tools')
    mkdirSync(wrapped)
    const cut = `PATH='${tools}' find "$@" | sed 's/\\.[0-9][0-9]* / /g'`
    writeFileSync(join(wrapped, 'find'), `#!/bin/sh\n${cut}\n`, { mode: 0o755 })
    const options = { root, stateDirectory: join(base, 'state'), rules }
    const coarse = new SandboxScanner(runner(program, `${wrapped}:${tools}`), options)
    put('f', '000')
    for (let i = 100; i < 120; i++) {
      await coarse.scan()
      writeFileSync(join(root, 'f'), `${i}`)
      expect(plain(await coarse.scan())).toEqual(await expected())
    }
  })

  test('goes on when what it keeps in the sandbox is lost', async () => {
    put('a')
    await scanner.scan()
    rmSync(join(base, 'state'), { recursive: true })
    // More than are asked for by name.
    for (let i = 0; i < 250; i++) put(`b/${i}`)
    expect(await found()).toEqual(await expected())
    expect(readdirSync(join(base, 'state/of it')).filter((n) => n.includes('work'))).toEqual([])
    for (let i = 0; i < 250; i++) put(`c/${i}`)
    await scanner.scan()
    for (let i = 0; i < 250; i++) put(`e/${i}`)
    await scanner.scan()
    expect(readdirSync(join(base, 'state/of it'))).toHaveLength(2)
  })

  test('whatever is in doubt, all of it is listed', async () => {
    // Whether that was needed, and what it has found.
    const listed = async () => {
      const before = answers.length
      expect(await found()).toEqual(await expected())
      return answers.slice(before).some(({ script }) => script.includes('listing-'))
    }
    put('d/f')
    expect(await listed()).toBe(true)
    put('d/f', 'changed')
    expect(await listed()).toBe(shell === 'BusyBox')
    const tree = join(base, 'away')
    mkdirSync(join(tree, 'deep'), { recursive: true })
    writeFileSync(join(tree, 'deep/f'), 'old')
    const isOld = () => Date.now() - statSync(join(tree, 'deep/f')).ctimeMs > 1_500
    await expect.poll(isOld, { interval: 50, timeout: 20_000 }).toBe(true)
    await scanner.scan()
    renameSync(tree, join(root, 'd/moved'))
    expect(await listed()).toBe(true)
    if (shell === 'BusyBox') return
    expect(await listed()).toBe(false)
    clockSeconds = -30
    put('d/f', 'changed while the clock was wrong')
    expect(await listed()).toBe(true)
    clockSeconds = 0
    expect(await listed()).toBe(true)
    expect(await listed()).toBe(false)
  })

  test.skipIf(shell === 'BusyBox')(
    'tells small files, but for what the host has sent',
    async () => {
      put('a')
      await scanner.scan()
      put('a', 'changed')
      put('d/sent')
      scanner.came([treePath('d/sent')])
      await scanner.scan()
      const told = (path: string) => scanner.toldOf(treePath(path))?.content.toString()
      expect([told('a'), told('d/sent')]).toEqual(['changed', undefined])
      put('d/sent', 'changed inside')
      await scanner.scan()
      expect(told('d/sent')).toBe('changed inside')
    },
  )

  test('what came and went between two listings is not there', async () => {
    put('d/a')
    expect(await found()).toEqual(await expected())
    put('d/b')
    put('d/e/f')
    expect(await found()).toEqual(await expected())
    rmSync(join(root, 'd/b'))
    rmSync(join(root, 'd/e'), { recursive: true })
    // More than are asked for by name.
    for (let i = 0; i < 250; i++) put(`c/${i}`)
    expect(await found()).toEqual(await expected())
  })

  test('an answer that is lost is made up for', async () => {
    put('a')
    await scanner.scan()
    put('b')
    let lose = true
    const losing = new SandboxScanner(
      async (...request) => {
        const answer = await scripts(...request)
        return lose ? { ...answer, stdout: answer.stdout.subarray(0, 20) } : answer
      },
      { root, stateDirectory: join(base, 'other'), rules },
    )
    await expect(losing.scan()).rejects.toMatchObject({ code: 'SYNC_HALTED' })
    lose = false
    expect(plain(await losing.scan())).toEqual(await expected())
    lose = true
    put('c')
    await expect(losing.scan()).rejects.toMatchObject({ code: 'SYNC_HALTED' })
    lose = false
    expect(plain(await losing.scan())).toEqual(await expected())
  })

  test('what may not be read is a problem, and not gone', async () => {
    put('open/f')
    put('closed/f')
    put('secret', 'x', 0o600)
    await run('chmod', ['-R', 'go+rX', base])
    mkdirSync(join(base, 'state'))
    chmodSync(join(base, 'state'), 0o777)
    chmodSync(join(root, 'closed'), ordinary === undefined ? 0 : 0o700)
    chmodSync(join(root, 'secret'), ordinary === undefined ? 0 : 0o600)
    const options = { root, stateDirectory: join(base, 'state/x'), rules }
    const restricted = new SandboxScanner(asOrdinaryUser[shell] ?? scripts, options)
    for (let times = 0; times < 2; times++) {
      const { snapshot, problems } = plain(await restricted.scan())
      expect(Object.keys(snapshot)).toEqual(['open', 'open/f'])
      expect(problems).toEqual([
        ['closed', reasons.denied],
        ['secret', reasons.failed],
      ])
    }
    chmodSync(join(root, 'closed'), 0o755)
    chmodSync(join(root, 'secret'), 0o644)
    expect(plain(await restricted.scan())).toEqual(await expected())
  })

  test('a directory that is gone halts the sync', async () => {
    rmSync(root, { recursive: true })
    await expect(scanner.scan()).rejects.toMatchObject({ code: 'SYNC_HALTED' })
  })
})
