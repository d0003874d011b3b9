/**
 * What every backend promises, as tests: `describeBackend` is called by each backend's own test file.
 * Commands go through `spawn`, as all of the server's do, so this is also the suite of `process.ts`,
 * `guard/` and `runner/`.
 */
import { randomBytes } from 'node:crypto'
import {
  chownSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { isSandboxError } from '../../src/errors.ts'
import { type Guard, openGuard } from '../../src/guard/guard.ts'
import { type SpawnOptions, spawn } from '../../src/process.ts'
import type { Backend, Sandbox, SandboxSpec } from '../../src/sandbox.ts'
import { workspaceMount } from '../../src/workspace.ts'

export interface BackendSubject {
  readonly backend: Backend
  /** A second instance that shares nothing with the first, as another server process would have. */
  readonly other: Backend
  /** Ends the sandbox from outside, as a person or a crash would. */
  end(name: string): Promise<void>
  close?(): Promise<void>
}

export interface BackendSuiteOptions {
  /** Cases that this backend is known to fail, with the reason; each must name a case. */
  readonly deviations?: Readonly<Record<string, string>>
  /** Owner of the workspace, when the tests may choose it. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  /**
   * Why a backend puts no walls around commands and mounts nothing: the cases about walls and mounts are
   * left out for this reason, and scratch files are kept in the workspace.
   */
  readonly unconfined?: string
}

const never = new AbortController().signal
const context = { signal: never, report: () => {} }
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
const freshName = () => `sbx-${[...randomBytes(15)].map((byte) => alphabet[byte % 32]).join('')}`

export function describeBackend(
  name: string,
  makeSubject: () => Promise<BackendSubject>,
  { deviations = {}, owner, unconfined }: BackendSuiteOptions = {},
): void {
  const cases = new Set<string>()
  const behaviour = (title: string, run: () => Promise<void>) => {
    cases.add(title)
    const reason = deviations[title]
    if (reason === undefined) test(title, run)
    else test.fails(`${title} (deviation: ${reason})`, run)
  }
  /** A case about the walls around a sandbox, or about the host's directory in it. */
  const wall = (title: string, run: () => Promise<void>) => {
    if (unconfined === undefined) behaviour(title, run)
    else test.skip(`${title} (left out: ${unconfined})`, run)
  }

  describe(`${name}: backend`, () => {
    let subject: BackendSubject
    let spec: SandboxSpec
    let sandbox: Sandbox
    let guard: Guard
    let host: string
    /** Where the cases keep files from one command to the next. */
    let scratch: string

    const newSpec = (directory: string): SandboxSpec => {
      const { uid, gid } = statSync(directory)
      return {
        name: freshName(),
        installation: 'contract',
        scopeKey: 'contract',
        agent: 'main',
        mounts: [workspaceMount(directory, true)],
        owner: { uid, gid },
      }
    }
    const newDirectory = () => {
      const directory = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-contract-')))
      if (owner !== undefined) chownSync(directory, owner.uid, owner.gid)
      return directory
    }

    beforeAll(async () => {
      subject = await makeSubject()
      host = newDirectory()
      spec = newSpec(host)
      sandbox = await subject.backend.open(spec, context)
      guard = await openGuard(sandbox, never)
      scratch = unconfined === undefined ? '/tmp' : sandbox.root
    })

    afterAll(async () => {
      await guard?.close()
      await subject?.backend.remove(spec.name, never)
      await sandbox?.close()
      await subject?.close?.()
      rmSync(host, { recursive: true, force: true })
    })

    const start = (argv: readonly [string, ...string[]], options: Partial<SpawnOptions> = {}) =>
      spawn(guard, argv, { workdir: sandbox.root, ...options })

    const sh = async (command: string, options: Partial<SpawnOptions> = {}, stdin?: Uint8Array) => {
      const process = await start(['sh', '-c', command], {
        ...(stdin === undefined ? {} : { stdin: 'open' as const }),
        ...options,
      })
      if (stdin !== undefined) process.stdin.end(stdin)
      const [stdout, stderr, code] = await Promise.all([
        text(process.stdout),
        text(process.stderr),
        process.exit,
      ])
      return { stdout, stderr, code }
    }

    behaviour('argv arrives unsplit', async () => {
      const words = [
        'a b',
        "it's",
        '"q"',
        '$HOME',
        '`id`',
        '*',
        '',
        '-n',
        'new\nline',
        '\\',
        '\u{1f600}',
        ';&|<>',
      ]
      const process = await start([
        'sh',
        '-c',
        'for w; do printf "%s\\0" "$w"; done',
        'sh',
        ...words,
      ])
      process.stderr.resume()
      expect((await text(process.stdout)).split('\0').slice(0, -1)).toEqual(words)
    })

    behaviour('environment and working directory arrive', async () => {
      const value = 'a \'b\' "c" $d\n`e`'
      const { stdout } = await sh('printf %s "$VALUE|"; pwd', {
        env: { VALUE: value },
        workdir: scratch,
      })
      expect(stdout).toBe(`${value}|${scratch}\n`)
    })

    behaviour('a working directory that is not there is an error, and nothing runs', async () => {
      const running = sh(`touch ${sandbox.root}/ran`, {
        workdir: `${sandbox.root}/nowhere`,
      })
      await expect(running).rejects.toMatchObject({ code: 'COMMAND_NOT_STARTED' })
      expect((await sh('ls')).stdout).not.toContain('ran')
    })

    behaviour('stdout and stderr are apart', async () => {
      expect(await sh('echo out; echo err >&2; echo out2')).toEqual({
        stdout: 'out\nout2\n',
        stderr: 'err\n',
        code: 0,
      })
    })

    behaviour('streams can be opened again by name', async () => {
      expect(await sh('echo x >/dev/stdout; echo y >/dev/stderr')).toMatchObject({
        stdout: 'x\n',
        stderr: 'y\n',
      })
    })

    behaviour('exit codes arrive, also of a command that is not there', async () => {
      expect((await sh('exit 7')).code).toBe(7)
      expect((await sh('exit 255')).code).toBe(255)
      const missing = await start(['no-such-command-here'])
      missing.stdout.resume()
      missing.stderr.resume()
      expect(await missing.exit).toBe(127)
    })

    behaviour('an exit by signal is 128 + n, without words of the shell', async () => {
      expect(await sh('kill -TERM $$')).toEqual({ stdout: '', stderr: '', code: 143 })
      expect(await sh('kill -KILL $$')).toEqual({ stdout: '', stderr: '', code: 137 })
    })

    behaviour('signals have their default effect in commands', async () => {
      // Without a shell in between: BusyBox's own ignores SIGQUIT.
      const process = await start(['grep', 'SigIgn', '/proc/self/status'])
      process.stderr.resume()
      expect(await text(process.stdout)).toBe('SigIgn:\t0000000000000000\n')
    })

    behaviour('8 MiB of random bytes pass both ways', async () => {
      const bytes = randomBytes(8 * 1024 * 1024)
      const process = await start(['cat'], { stdin: 'open' })
      process.stderr.resume()
      process.stdin.end(bytes)
      expect((await buffer(process.stdout)).equals(bytes)).toBe(true)
      expect(await process.exit).toBe(0)
    })

    behaviour('a command without stdin sees end-of-file', async () => {
      expect(await sh('cat; echo end')).toMatchObject({ stdout: 'end\n' })
    })

    behaviour('a command that reads no stdin ends all the same', async () => {
      expect((await sh('exit 3', {}, randomBytes(1024 * 1024))).code).toBe(3)
    })

    behaviour('characters split across writes arrive whole', async () => {
      const { stdout } = await sh("printf '\\303'; sleep 0.05; printf '\\251\\n'")
      expect(stdout).toBe('\u00e9\n')
    })

    behaviour('output that looks like a mark of ours is output', async () => {
      const { stdout } = await sh("printf '\\036\\036abc:1\\036'; printf '\\036'")
      expect(stdout).toBe('\x1e\x1eabc:1\x1e\x1e')
    })

    behaviour('a call ends with its command, not with the last holder of its output', async () => {
      const began = performance.now()
      const command = `sleep 60 & echo $! >${scratch}/sleeper; echo started`
      expect(await sh(command)).toMatchObject({ stdout: 'started\n', code: 0 })
      expect(performance.now() - began).toBeLessThan(10_000)
      await sh(`kill $(cat ${scratch}/sleeper)`)
    })

    behaviour('a scratch file is there in the next command', async () => {
      await sh(`echo kept >${scratch}/kept`)
      expect((await sh(`cat ${scratch}/kept`)).stdout).toBe('kept\n')
    })

    behaviour('a background process can print when its command has long ended', async () => {
      await sh(`(sleep 3; echo late; echo done >${scratch}/late) &`)
      const { stdout } = await sh(
        `i=0; until [ -e ${scratch}/late ] || [ $i = 100 ]; do sleep 0.1; i=$((i+1)); done; cat ${scratch}/late`,
      )
      expect(stdout).toBe('done\n')
    })

    behaviour('a server started in the background answers in the next command', async () => {
      const serve = `if command -v python3 >/dev/null; then exec python3 -m http.server 8123; else exec busybox httpd -f -p 8123 -h ${sandbox.root}; fi`
      await sh('echo hello from the server >page.txt')
      await sh(`(${serve}) & echo $! >${scratch}/server`)
      const get =
        'if command -v python3 >/dev/null; then python3 -c "import urllib.request as u; print(u.urlopen(\'http://127.0.0.1:8123/page.txt\').read().decode())"; else wget -q -O - http://127.0.0.1:8123/page.txt; fi'
      const { stdout } = await sh(
        `i=0; until ${get} 2>/dev/null || [ $i = 50 ]; do sleep 0.1; i=$((i+1)); done`,
      )
      expect(stdout.trim()).toBe('hello from the server')
      await sh(`kill $(cat ${scratch}/server)`)
    })

    wall('the workspace is the same directory on both sides', async () => {
      writeFileSync(join(host, 'from-host'), 'h')
      expect((await sh('cat from-host; printf s >from-sandbox')).stdout).toBe('h')
      expect(readFileSync(join(host, 'from-sandbox'), 'utf8')).toBe('s')
      expect(statSync(join(host, 'from-sandbox'))).toMatchObject(spec.owner)
    })

    wall('HOME is writable and is no directory of the host', async () => {
      const { stdout } = await sh('cd && pwd && touch probe && ls')
      expect(stdout).toBe('/home/sandbox\nprobe\n')
    })

    wall('the network is cut off', async () => {
      const listener = createServer((socket) => socket.destroy())
      await new Promise<void>((resolve) => listener.listen(0, '0.0.0.0', resolve))
      const { stdout } = await sh(
        'cat /proc/net/route | wc -l; ls /sys/class/net 2>/dev/null; cat /proc/net/dev | grep -c eth',
      )
      listener.close()
      expect(stdout.split('\n')[0]?.trim()).toMatch(/^[01]$/)
      expect(stdout.trim().split('\n').at(-1)).toBe('0')
    })

    wall('commands have no capabilities and cannot gain any', async () => {
      const { stdout } = await sh(
        "grep -E '^(CapEff|CapPrm|CapBnd|NoNewPrivs):' /proc/self/status | tr -d '\\t'",
      )
      expect(stdout).toContain('CapEff:0000000000000000')
      expect(stdout).toContain('CapPrm:0000000000000000')
      expect(stdout).toContain('NoNewPrivs:1')
    })

    wall("the server's environment does not reach commands", async () => {
      process.env.SANDBOX_MCP_TEST_SECRET = 'do not tell'
      const other = await subject.other.open(spec, context)
      const otherGuard = await openGuard(other, never)
      const run = await spawn(otherGuard, ['env'], { workdir: '/' })
      run.stderr.resume()
      const env = await text(run.stdout)
      delete process.env.SANDBOX_MCP_TEST_SECRET
      await otherGuard.close()
      await other.close()
      expect(env).toContain('HOME=/home/sandbox')
      expect(env).toContain('LANG=C.UTF-8')
      expect(env).not.toContain('do not tell')
    })

    behaviour('two commands run at once', async () => {
      const [one, two] = await Promise.all([
        sh(`echo a >${scratch}/one; until [ -e ${scratch}/two ]; do sleep 0.05; done; echo one`),
        sh(`echo a >${scratch}/two; until [ -e ${scratch}/one ]; do sleep 0.05; done; echo two`),
      ])
      expect([one.stdout, two.stdout]).toEqual(['one\n', 'two\n'])
    })

    behaviour('32 commands run at once', async () => {
      const runs = Array.from({ length: 32 }, (_, at) => sh(`echo ${at}`))
      const outputs = (await Promise.all(runs)).map(({ stdout }) => stdout)
      expect(outputs).toEqual(outputs.map((_, at) => `${at}\n`))
    })

    const stubborn =
      'trap "" TERM; (trap "" TERM; while :; do sleep 1; done) & setsid sh -c "trap \\"\\" TERM; while :; do sleep 1; done" & echo $$; wait; while :; do sleep 1; done'

    behaviour('kill reaches grandchildren that ignore TERM or left the group', async () => {
      const process = await start(['sh', '-c', stubborn])
      process.stderr.resume()
      await new Promise((resolve) => process.stdout.once('data', resolve))
      process.stdout.resume()
      expect(await marked()).toBeGreaterThan(2)
      await process.kill(200)
      expect(await process.exit).toBe(137)
      expect(await marked()).toBe(0)
    })

    behaviour('kill lets a command that handles TERM end by itself', async () => {
      const process = await start([
        'sh',
        '-c',
        'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.05; done',
      ])
      process.stderr.resume()
      const output = text(process.stdout)
      await expect.poll(async () => (await sh('ls /proc')).code).toBe(0)
      await process.kill()
      expect(await output).toBe('up\nbye\n')
      expect(await process.exit).toBe(5)
    })

    behaviour('a kill after the exit is harmless', async () => {
      const process = await start(['true'])
      process.stdout.resume()
      process.stderr.resume()
      expect(await process.exit).toBe(0)
      await process.kill()
      await process.kill()
    })

    behaviour('what a session started ends with its guard', async () => {
      const own = await openGuard(sandbox, never)
      const foreground = await spawn(own, ['sh', '-c', stubborn], { workdir: '/' })
      foreground.stderr.resume()
      await new Promise((resolve) => foreground.stdout.once('data', resolve))
      foreground.stdout.resume()
      const background = await spawn(
        own,
        ['sh', '-c', '(sleep 300 &) ; setsid env -i sleep 300 & echo on'],
        { workdir: '/' },
      )
      background.stderr.resume()
      await text(background.stdout)
      expect(await marked(own.session)).toBeGreaterThan(2)
      await own.close()
      expect(await marked(own.session)).toBe(0)
      expect((await sh('echo other sessions go on')).code).toBe(0)
    })

    behaviour(
      'a guard tells whether anything of its session runs, also outside its group',
      async () => {
        const own = await openGuard(sandbox, never)
        expect(await own.hasProcesses()).toBe(false)
        const script = `setsid sh -c 'echo $$ >${scratch}/outside; exec sleep 300' & until [ -s ${scratch}/outside ]; do sleep 0.05; done`
        const daemon = await spawn(own, ['sh', '-c', script], { workdir: '/' })
        daemon.stdout.resume()
        daemon.stderr.resume()
        await daemon.exit
        expect(await own.hasProcesses()).toBe(true)
        expect(await guard.hasProcesses()).toBe(false)
        await sh(`kill -KILL $(cat ${scratch}/outside); rm ${scratch}/outside`)
        await expect.poll(() => own.hasProcesses()).toBe(false)
        await own.close()
      },
    )

    behaviour('a start that is cancelled starts nothing', async () => {
      const abort = new AbortController()
      const starting = start(['touch', `${scratch}/was-started`], { signal: abort.signal })
      abort.abort()
      await expect(starting).rejects.toSatisfy((error) => isSandboxError(error, 'CANCELLED'))
      expect((await sh(`ls ${scratch}`)).stdout).not.toContain('was-started')
    })

    behaviour('open twice is one sandbox, also from another process', async () => {
      await sh(`echo shared >${scratch}/shared`)
      const other = await subject.other.open(spec, context)
      const otherGuard = await openGuard(other, never)
      const run = await spawn(otherGuard, ['cat', `${scratch}/shared`], { workdir: '/' })
      run.stderr.resume()
      expect(await text(run.stdout)).toBe('shared\n')
      await otherGuard.close()
      await other.close()
    })

    behaviour('racing opens end up in one sandbox', async () => {
      const directory = newDirectory()
      const wanted = newSpec(directory)
      const opened = await Promise.all(
        [subject.backend, subject.other, subject.backend, subject.other].map((backend) =>
          backend.open(wanted, context),
        ),
      )
      try {
        const guards = await Promise.all(opened.map((one) => openGuard(one, never)))
        const first = guards[0] as Guard
        const raced = `${unconfined === undefined ? '/tmp' : first.sandbox.root}/raced`
        const touch = await spawn(first, ['touch', raced], { workdir: '/' })
        touch.stdout.resume()
        touch.stderr.resume()
        await touch.exit
        for (const one of guards) {
          const look = await spawn(one, ['test', '-e', raced], { workdir: '/' })
          look.stdout.resume()
          look.stderr.resume()
          expect(await look.exit).toBe(0)
        }
        await Promise.all(guards.map((one) => one.close()))
      } finally {
        await subject.backend.remove(wanted.name, never)
        await Promise.all(opened.map((one) => one.close()))
        rmSync(directory, { recursive: true })
      }
    })

    behaviour('a sandbox of another installation is refused', async () => {
      const foreign = { ...spec, installation: 'somebody-else' }
      await expect(subject.other.open(foreign, context)).rejects.toMatchObject({
        code: 'SANDBOX_START_FAILED',
      })
      expect((await sh('echo untouched')).stdout).toBe('untouched\n')
    })

    behaviour(
      'list tells the settings it was made with by the hash that open goes by',
      async () => {
        const ours = await subject.other.list('contract', never)
        const listed = ours.find(({ name }) => name === spec.name)
        expect(listed?.configHash).toBe(await subject.other.configHash?.(spec, never))
        expect(sandbox.stale).toBeUndefined()
      },
    )

    behaviour('a command that is being started when its session ends does not run', async () => {
      const ending = await openGuard(sandbox, never)
      const ended = ending.close()
      const late = spawn(ending, ['touch', `${scratch}/late-start`], { workdir: '/' })
      await expect(late).rejects.toMatchObject({ code: 'CANCELLED' })
      await ended
      expect((await sh(`ls ${scratch}`)).stdout).not.toContain('late-start')
    })

    behaviour('list shows ours only', async () => {
      const ours = await subject.other.list('contract', never)
      expect(ours.find(({ name }) => name === spec.name)).toMatchObject({
        kind: subject.backend.kind,
        state: 'running',
        scopeKey: 'contract',
        agent: 'main',
        workspace: host,
      })
      expect(await subject.other.list('somebody-else', never)).toEqual([])
    })

    behaviour('list shows those of all installations, and who made them', async () => {
      const all = await subject.other.list(undefined, never)
      const found = all.find(({ name }) => name === spec.name)
      expect(found?.installation).toBe('contract')
      const ours = await subject.other.list('contract', never)
      expect(ours.find(({ name }) => name === spec.name)).toEqual(found)
    })

    behaviour('a cancelled open leaves nothing', async () => {
      const directory = newDirectory()
      const unwanted = newSpec(directory)
      const abort = new AbortController()
      const opening = subject.backend.open(unwanted, {
        signal: abort.signal,
        report: () => abort.abort(),
      })
      setImmediate(() => abort.abort())
      await expect(opening).rejects.toSatisfy((error) => isSandboxError(error, 'CANCELLED'))
      const left = await subject.backend.list('contract', never)
      expect(left.map(({ name }) => name)).not.toContain(unwanted.name)
      rmSync(directory, { recursive: true })
    })

    behaviour('remove ends everything inside, and succeeds twice', async () => {
      const directory = newDirectory()
      const doomed = newSpec(directory)
      const one = await subject.backend.open(doomed, context)
      const ownGuard = await openGuard(one, never)
      const process = await spawn(ownGuard, ['sh', '-c', 'echo up; sleep 300'], { workdir: '/' })
      process.stderr.resume()
      await new Promise((resolve) => process.stdout.once('data', resolve))
      process.stdout.resume()
      await subject.backend.remove(doomed.name, never)
      await expect(process.exit).rejects.toSatisfy((error) => isSandboxError(error, 'SANDBOX_LOST'))
      await subject.backend.remove(doomed.name, never)
      const left = await subject.backend.list('contract', never)
      expect(left.map(({ name }) => name)).not.toContain(doomed.name)
      await one.close()
      rmSync(directory, { recursive: true })
    })

    behaviour(
      'a sandbox that ends while a command runs is told as lost, and opened anew',
      async () => {
        const directory = newDirectory()
        const fragile = newSpec(directory)
        const one = await subject.backend.open(fragile, context)
        const ownGuard = await openGuard(one, never)
        const process = await spawn(ownGuard, ['sh', '-c', 'echo up; sleep 300'], { workdir: '/' })
        process.stderr.resume()
        await new Promise((resolve) => process.stdout.once('data', resolve))
        process.stdout.resume()
        await subject.end(fragile.name)
        await expect(process.exit).rejects.toSatisfy((error) =>
          isSandboxError(error, 'SANDBOX_LOST'),
        )
        expect(isSandboxError(await ownGuard.lost, 'SANDBOX_LOST')).toBe(true)
        await one.close()
        const again = await subject.backend.open(fragile, context)
        const newGuard = await openGuard(again, never)
        const run = await spawn(newGuard, ['echo', 'alive'], { workdir: '/' })
        run.stderr.resume()
        expect(await text(run.stdout)).toBe('alive\n')
        await newGuard.close()
        await again.close()
        await subject.backend.remove(fragile.name, never)
        rmSync(directory, { recursive: true })
      },
    )

    behaviour('checks find the machine able', async () => {
      for (const check of subject.backend.checks) {
        expect(await check.run(never), check.name).toMatchObject({ ok: true })
      }
    })

    /** How many processes carry a session's mark; environments may not be there to be read. */
    async function marked({ digits } = guard.session): Promise<number> {
      const look = `n=0; for f in $(grep -ls "^Max file locks  *$1" /proc/[0-9]*/limits); do grep -qs '^State:.[^ZX]' "\${f%limits}status" && n=$((n+1)); done; echo $n`
      const counting = await openGuard(sandbox, never)
      const process = await spawn(counting, ['sh', '-c', look, 'sh', digits], { workdir: '/' })
      process.stderr.resume()
      const count = Number(await text(process.stdout))
      await counting.close()
      return count
    }

    afterEach(() => {
      for (const title of Object.keys(deviations)) {
        if (!cases.has(title)) throw new Error(`no case is called ${JSON.stringify(title)}`)
      }
    })
  })
}
