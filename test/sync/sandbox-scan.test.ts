import { execFile, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DigestCache } from '../../src/sync/digest-cache.ts'
import { scanHost } from '../../src/sync/host-scan.ts'
import { SandboxScanner } from '../../src/sync/sandbox-scan.ts'
import { reasons, type Scan } from '../../src/sync/snapshot.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import type { ScriptRunner } from '../../src/trees/sandbox-tree.ts'

const run = promisify(execFile)

/** Runs scripts here, with the tools of `path` alone. */
function runner(shell: string, path: string): ScriptRunner {
  return async (script, stdin) => {
    const env = { PATH: path, TZ: 'Asia/Kolkata' }
    const child = spawn(shell, ['-c', script], { cwd: '/', env })
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
for (const shell of ['/bin/sh', '/bin/bash']) {
  if (existsSync(shell)) shells[shell] = runner(shell, '/usr/bin:/bin')
}
const busybox = ['/usr/bin/busybox', '/bin/busybox'].find((path) => existsSync(path))
const applets = mkdtempSync(join(tmpdir(), 'sbx-applets-'))
afterAll(() => rmSync(applets, { recursive: true }))
if (busybox) {
  await run(busybox, ['--install', '-s', applets])
  shells.BusyBox = runner(join(applets, 'sh'), applets)
}
test.skipIf(busybox)('BusyBox is not here: its scripts are not tested', () => {})

describe.each(Object.entries(shells))('a scan of the sandbox by %s', (_, scripts) => {
  let base: string
  let root: string
  let answers: { script: string; stdout: string }[]
  let scanner: SandboxScanner
  const rules = new SyncRules(['*.log'])
  const recording: ScriptRunner = async (script, stdin) => {
    const answer = await scripts(script, stdin)
    answers.push({ script, stdout: answer.stdout.toString() })
    return answer
  }
  beforeEach(() => {
    base = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-scan-')))
    root = join(base, "it's the root")
    mkdirSync(root)
    answers = []
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
  const found = async () => plain(await scanner.scan())

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
        const quiet = answers.at(-1)?.stdout.replace(/^\d+/, 'now')
        expect(quiet).toBe('now\nchanges\n.\n.\n.\n.\n')
      },
      { timeout: 20_000, interval: 100 },
    )
    put('d/file-7', 'changed')
    expect(await found()).toEqual(await expected())
    expect(answers.at(-1)?.stdout.match(/ \.\//g)).toHaveLength(3)
  })

  test('is not fooled by changes of the same size within one tick', async () => {
    put('f', '000')
    for (let i = 100; i < 120; i++) {
      await scanner.scan()
      writeFileSync(join(root, 'f'), `${i}`)
      expect(await found()).toEqual(await expected())
    }
  })

  test('goes on when what it keeps in the sandbox is lost', async () => {
    put('a')
    await scanner.scan()
    rmSync(join(base, 'state'), { recursive: true })
    put('b')
    expect(await found()).toEqual(await expected())
    expect(readdirSync(join(base, 'state/of it')).filter((n) => n.includes('work'))).toEqual([])
    await scanner.scan()
    await scanner.scan()
    expect(readdirSync(join(base, 'state/of it'))).toHaveLength(2)
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

  test('a directory that is gone halts the sync', async () => {
    rmSync(root, { recursive: true })
    await expect(scanner.scan()).rejects.toMatchObject({ code: 'SYNC_HALTED' })
  })
})
