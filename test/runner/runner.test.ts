/** A runner runs one command after another, and none of them can tell. In dash, bash and BusyBox. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Guard, openGuard } from '../../src/guard/guard.ts'
import { type SpawnOptions, spawn } from '../../src/process.ts'
import type { Channel } from '../../src/sandbox.ts'
import { settledWithin } from '../../src/settled-within.ts'
import { type LocalSandbox, localSandbox, shells } from '../support/local-sandbox.ts'

const never = new AbortController().signal
/** What ends one thread alone. */
const exitCall = { x64: 60, arm64: 93 }[process.arch as string]

/** As of an engine that has both streams on one connection: `bytes` of stdout come before the answer. */
function stdoutFirst(channel: Channel, bytes: number): Channel {
  let passed = 0
  let tell = () => {}
  const overtaken = new Promise<void>((resolve) => {
    tell = resolve
  })
  const stdout = Readable.from(
    (async function* () {
      for await (const chunk of channel.stdout) {
        yield chunk
        passed += (chunk as Buffer).length
        if (passed > bytes) tell()
      }
    })(),
  )
  const stderr = Readable.from(
    (async function* () {
      for await (const chunk of channel.stderr) {
        if ((chunk as Buffer).includes(':started')) await overtaken
        yield chunk
      }
    })(),
  )
  return { ...channel, stdout, stderr }
}

for (const [name, { shell, path }] of Object.entries(shells())) {
  // Where no bash is to be found, commands are sh's.
  describe(`commands of one runner in ${name}`, () => {
    let sandbox: LocalSandbox
    let guard: Guard

    beforeAll(async () => {
      sandbox = localSandbox({ shell, path })
      guard = await openGuard(sandbox, never)
    })

    afterAll(async () => {
      await guard?.close()
      sandbox?.remove()
    })

    const start = (run: string, options: Partial<SpawnOptions> = {}) =>
      spawn(guard, run, { workdir: sandbox.root, ...options })

    const sh = async (run: string, options: Partial<SpawnOptions> = {}) => {
      const process = await start(run, options)
      const [stdout, stderr, code] = await Promise.all([
        text(process.stdout),
        text(process.stderr),
        process.exit,
      ])
      await process.gone
      return { stdout, stderr, code, group: process.group }
    }

    /** Nothing else runs, so that what one leaves meets the next. */
    const inOneRunner = async (
      first: string,
      second: string,
      options: Partial<SpawnOptions> = {},
    ) => {
      const before = sandbox.started
      for (let attempt = 0; attempt < 20; attempt++) {
        await sh(first, options)
        const told = await sh(second)
        // On a busy machine a runner may be given up for what others have started meanwhile.
        if (sandbox.started === before) return told
      }
      return sh(second)
    }

    test('a runner is used again', async () => {
      for (let i = 0; i < 30; i++) {
        expect(await sh('echo out; echo err >&2; exit 5')).toMatchObject({
          stdout: 'out\n',
          stderr: 'err\n',
          code: 5,
        })
      }
      expect(sandbox.started).toBeLessThan(15)
    })

    test('none is left when the session has ended, also of those that were just starting', async () => {
      let gate = Promise.resolve()
      let open = () => {}
      const own = localSandbox({ shell, path, until: () => gate })
      const ending = await openGuard(own, never)
      gate = new Promise((resolve) => {
        open = resolve
      })
      // Takes the runner that is there, so that another is started.
      const process = await spawn(ending, 'true', { workdir: own.root })
      process.stdout.resume()
      process.stderr.resume()
      await process.exit
      await new Promise((resolve) => setImmediate(resolve))
      const { started } = own
      const closed = ending.close()
      await own.quiet()
      open()
      await closed
      expect([own.started, own.running]).toEqual([started + 1, 0])
      own.remove()
    })

    test('a command that writes marks of its own has no exit code that none has', async () => {
      const words = `cat /proc/$$/cmdline /proc/$PPID/cmdline | tr '\\0' ' ' | grep -o '036[0-9a-f]*:ready' | head -1`
      const forged = ['many', '-5', '1e400', ''].map(
        (code) => `printf '\\036%s:${code}\\036' "$t"; printf '\\036%s:${code}\\036' "$t" >&2;`,
      )
      const find = `t=$(${words}); t=\${t#036}; t=\${t%:ready}; echo "\${#t}"`
      expect(await sh(`${find}; ${forged.join('')} exit 3`)).toMatchObject({
        stdout: '48\n',
        code: 3,
      })
    })

    test('output that overtakes the answer of the launcher is read', async () => {
      const own = localSandbox({
        shell,
        path,
        through: (channel) => stdoutFirst(channel, 1_000_000),
      })
      const other = await openGuard(own, never)
      const process = await spawn(other, 'head -c 3000000 /dev/zero', { workdir: own.root })
      process.stderr.resume()
      let read = 0
      for await (const bytes of process.stdout) read += (bytes as Buffer).length
      expect([read, await process.exit]).toEqual([3_000_000, 0])
      await other.close()
      own.remove()
    })

    test('each command has a group and a session of its own', async () => {
      const groups = new Set<number>()
      for (const stdin of ['none', 'open', new Uint8Array([1]), 'none', 'none'] as const) {
        const told = await sh('read -r _ _ _ _ pgrp sid _ </proc/$$/stat; echo "$pgrp $sid"', {
          stdin,
        })
        expect(told.stdout).toBe(`${told.group} ${told.group}\n`)
        groups.add(told.group)
      }
      expect(groups.size).toBe(5)
    })

    test('what is left of a command with stdin open is waited for', async () => {
      const process = await start('cat; sleep 0.5 & echo " $!"', { stdin: 'open' })
      process.stderr.resume()
      const output = text(process.stdout)
      process.stdin.end('given')
      expect(await process.exit).toBe(0)
      const [given, left] = (await output).trim().split(' ')
      expect(given).toBe('given')
      await process.gone
      // Whoever adopts the dead may let them lie for a while.
      const state = `line=; read -r line </proc/${left}/stat; echo "\${line##*) }"`
      expect((await sh(`${state} 2>/dev/null`)).stdout).toMatch(/^($|[ZX] )/)
    })

    const cases: readonly [string, string, string, Partial<SpawnOptions>?][] = [
      ['variables', 'leak=1; export leak2=2; readonly leak3=3', 'echo "$leak$leak2$leak3"; export'],
      ['what a call sets', 'true', 'echo "$given"; export', { env: { given: 'x' } }],
      ['the directory', 'cd /; cd /tmp', 'pwd; echo "$OLDPWD"'],
      ['functions', 'leak() { echo leak; }', 'command -v leak || echo none'],
      ['options', 'set -euf', 'set -o; echo /*bin; false; echo on'],
      ['traps', 'trap "echo leak" EXIT TERM', 'trap'],
      [
        'ignored signals',
        "trap '' TERM INT HUP",
        'grep -E "Sig(Pnd|Blk|Ign|Cgt)" /proc/self/status',
      ],
      ['limits and masks', 'ulimit -n 20; umask 077', 'ulimit -n; umask'],
      ['descriptors', 'exec 7>/dev/null 8</dev/null', 'ls /proc/self/fd'],
      ['redirections', 'exec >/dev/null 2>&1', 'echo seen; echo err >&2'],
      ['parameters', 'set -- a b c', 'echo $#'],
    ]
    test.each(cases)(
      '%s of a command do not reach the next',
      async (_what, first, second, options) => {
        const fresh = await sh(second)
        const { stdout, stderr, code } = await inOneRunner(first, second, options)
        const isOurs = (line: string) => !line.includes('SANDBOX_MCP_PROCESS')
        expect(stdout.split('\n').filter(isOurs)).toEqual(fresh.stdout.split('\n').filter(isOurs))
        expect({ stderr, code }).toEqual({ stderr: fresh.stderr, code: fresh.code })
      },
    )

    test.runIf(exitCall && existsSync('/usr/bin/perl'))(
      'what goes on without its first thread is left of a command',
      async () => {
        const go = join(sandbox.folder, `go-${name.replaceAll('/', '-')}`)
        const program = `threads->create(sub { select undef, undef, undef, 0.01 until -e "${go}"; kill 9, $$ }); syscall ${exitCall}, 0`
        const process = await start(
          `/usr/bin/perl -Mthreads -e '${program}' >/dev/null 2>&1 & until grep -q ') Z' /proc/$!/stat; do sleep 0.01; done`,
        )
        process.stdout.resume()
        process.stderr.resume()
        expect(await process.exit).toBe(0)
        expect(await settledWithin(process.gone, 1_500)).toBe(false)
        writeFileSync(go, '')
        await process.gone
      },
    )

    test.runIf(existsSync('/proc/self/io'))(
      'what a command leaves of its stdin is not read byte by byte',
      async () => {
        const own = localSandbox({ shell, path })
        // Of those that have ended too, when they have been waited for.
        const reads = () => Number(/syscr: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
        const before = reads()
        const itsGuard = await openGuard(own, never)
        const options = { workdir: own.root, stdin: 'open' } as const
        const process = await spawn(itsGuard, 'exit 3', options)
        process.stdout.resume()
        process.stderr.resume()
        process.stdin.write(Buffer.alloc(1_000_000, 'x'))
        expect(await process.exit).toBe(3)
        await process.gone
        await itsGuard.close()
        await own.quiet()
        own.remove()
        expect(reads() - before).toBeLessThan(200_000)
      },
    )

    test('what is left of a command in the background prints into no other', async () => {
      const noisy = await start('(while :; do echo noise; sleep 0.01; done) & echo begun')
      noisy.stderr.resume()
      expect(await text(noisy.stdout)).toMatch(/^(noise\n)*begun\n(noise\n)*$/)
      for (let i = 0; i < 10; i++)
        expect(await sh('echo quiet')).toMatchObject({ stdout: 'quiet\n', stderr: '' })
      await noisy.kill(100)
    })

    test('nor does a daemon that has left the group', async () => {
      const daemon = `setsid sh -c 'echo $$ >daemon; while :; do echo noise; echo noise >&2; sleep 0.01; done' & until [ -s daemon ]; do sleep 0.01; done`
      await sh(daemon)
      for (let i = 0; i < 10; i++)
        expect(await sh('echo quiet')).toMatchObject({ stdout: 'quiet\n', stderr: '' })
      await sh('kill $(cat daemon); rm daemon')
    })

    test('nor one that is forking still when its command ends', async () => {
      const hop = `hop() { [ "$1" = 0 ] && { sleep 0.3; echo late; echo late >&2; exit; }; setsid sh -c "$body" sh "$(($1 - 1))" & }`
      const body = `${hop}; hop "$1"`
      for (let i = 0; i < 5; i++) {
        await sh(`export body='${body.replaceAll("'", "'\\''")}'; setsid sh -c "$body" sh 4 &`)
        for (let k = 0; k < 4; k++) {
          expect(await sh('sleep 0.1; echo quiet')).toMatchObject({ stdout: 'quiet\n', stderr: '' })
        }
      }
    })

    test.each([
      ['nothing', ''],
      ['a line', 'one\n'],
      ['what looks like the next command', '\n1\ntouch trapped\n+12\nexit 3\n'],
      ['much', 'x\n'.repeat(200_000)],
    ])('what its stdin gives can come with a command: %s', async (_, given) => {
      const input = Buffer.from(given)
      for (const command of ['cat', `cat # ${'x'.repeat(100)}`, `cat # ${'x'.repeat(5_000)}`]) {
        const { stdout, code } = await sh(command, { stdin: 'open', input })
        expect([code, stdout.length, stdout === given]).toEqual([0, given.length, true])
      }
      expect((await sh('head -c 3; exit 4', { stdin: 'open', input })).code).toBe(4)
      const nowhere = { stdin: 'open', input, workdir: '/nowhere' } as const
      await expect(start('cat', nowhere)).rejects.toMatchObject({ code: 'COMMAND_NOT_STARTED' })
      expect((await sh('ls; echo on')).stdout).toBe('on\n')
    })

    test('it is there before the command has answered', async () => {
      // The answer is held until all is printed.
      const own = localSandbox({ shell, path, through: (channel) => stdoutFirst(channel, 4) })
      const other = await openGuard(own, never)
      const input = Buffer.from('given')
      const process = await spawn(other, 'cat', { workdir: '/', stdin: 'open', input })
      process.stderr.resume()
      expect(await text(process.stdout)).toBe('given')
      expect(await process.exit).toBe(0)
      await other.close()
      own.remove()
    })

    test('what a command leaves of its stdin is no command', async () => {
      const trap = `\n1\ntouch ${sandbox.root}/trapped\n1\ntouch ${sandbox.root}/trapped\n`
      const process = await start('true', { stdin: 'open' })
      process.stdout.resume()
      process.stderr.resume()
      process.stdin.end(trap.repeat(100))
      expect(await process.exit).toBe(0)
      await process.gone
      expect((await sh('ls')).stdout).not.toContain('trapped')
    })

    test.each([
      ['what is not closed', 'if true; then echo no fi'],
      ['a quote that is not closed', 'echo "no'],
      ['what closes more than was opened', 'true ) ; touch trapped'],
    ])('what cannot be read of a very long command ends it: %s', async (_what, wrong) => {
      const run = `: ${'x'.repeat(130_000)}\n${wrong}\n`
      const trap = Buffer.from('touch trapped\n')
      const waiting = await start(run, { stdin: 'open' })
      const errors = text(waiting.stderr)
      waiting.stdout.resume()
      // As of any other text that the shell cannot read, whatever its stdin gives, or does not give yet.
      expect(await waiting.exit).toBe(2)
      expect(await errors).toMatch(/syntax error|unexpected EOF/)
      expect((await sh(run, { stdin: 'open', input: trap })).code).toBe(2)
      expect((await sh('ls')).stdout).not.toContain('trapped')
    })

    test.each([
      ['none', '$$'],
      ['open', '$(cut -d" " -f5 </proc/$$/stat)'],
    ] as const)('a command with stdin %s can end its group', async (stdin, group) => {
      for (const whole of ['kill 0', `kill -- -${group}`]) {
        const run = `sleep 100 & sleep 100 & ${whole}; wait; echo on`
        const own = await start(run, { stdin })
        own.stderr.resume()
        expect(await text(own.stdout)).toBe('')
        expect(await own.exit).toBe(143)
        await own.gone
      }
    })

    test('a very long command finds no trap that it has not set', async () => {
      const set = `trap 'echo end' EXIT; trap 'echo got' TERM`
      for (const input of [undefined, Buffer.from('given')]) {
        const run = `trap; echo of its own; ${set}; trap # ${'x'.repeat(130_000)}`
        const own = await start(run, { stdin: 'open', input })
        if (input === undefined) own.stdin.end()
        own.stderr.resume()
        expect(await text(own.stdout)).toMatch(
          /^of its own\ntrap -- '?echo end'? EXIT\ntrap -- '?echo got'? (?:SIG)?TERM\nend\n$/,
        )
      }
    })

    test.each([
      ['a text', `printf '%s ' caller "$_"; cat; exit 3`, 3],
      ['a program', ['sh', '-c', 'cat; exit 4'], 4],
      ['what is found nowhere', ['/no/such/program'], 127],
    ] as const)(
      '%s that another shell has to run ends with what it was given',
      async (_what, run, code) => {
        const process = await spawn(guard, run, { workdir: '/', stdin: Buffer.from('given\n') })
        process.stdout.resume()
        process.stderr.resume()
        expect(await Promise.race([process.exit, sleep(5_000)])).toBe(code)
      },
    )

    test('what ends a command by force is told in its exit code, and by no words about what started it', async () => {
      for (const [signal, code] of Object.entries({ TERM: 143, KILL: 137, SEGV: 139 })) {
        const env = { SECRET: 'in no output' }
        const ended = await sh(`kill -${signal} $$`, { stdin: 'open', env })
        expect(ended).toMatchObject({ stdout: '', stderr: '', code })
      }
    })

    test('what a command is given can be opened again by its name, and by its end', async () => {
      const input = Buffer.from('given '.repeat(50_000))
      for (const name of ['/dev/stdin', '/proc/self/fd/0']) {
        const { stdout, stderr } = await sh(`cat ${name}`, { stdin: 'open', input })
        expect([stdout.length, stderr]).toEqual([input.length, ''])
      }
      expect(await sh('exit 3', { stdin: 'open', input })).toMatchObject({ code: 3, stderr: '' })
    })

    test('what the shell cannot read is told with the words of the command alone', async () => {
      for (const options of [{}, { stdin: 'open' }] as const) {
        const ended = await sh('echo begun; fi', options)
        expect(ended.code).toBe(2)
        expect(ended.stderr).toMatch(/syntax error/i)
        expect(ended.stderr).not.toMatch(/sbx_|unset|dev.null/)
        const { stderr } = await sh('echo begun\n\nfi', options)
        // BusyBox names no line.
        if (/\d:/.test(stderr)) expect(stderr).toMatch(/(line |: )3:/)
      }
    })

    test('a backslash at the very end is one', async () => {
      expect((await sh('echo a\\')).stdout).toBe('a\\\n')
    })

    test('a command that signals its parent is told as it ended', async () => {
      for (const signal of ['TERM', 'INT', 'HUP', 'USR1', 'PIPE']) {
        const { code, stdout } = await sh(`kill -${signal} $PPID; sleep 0.05; echo done; exit 3`)
        expect({ signal, code, stdout }).toEqual({ signal, code: 3, stdout: 'done\n' })
      }
      expect((await sh('echo on')).stdout).toBe('on\n')
    })

    test('a command that handles TERM ends by itself when it is killed', async () => {
      const process = await start(
        'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.05; done',
      )
      process.stderr.resume()
      const output = text(process.stdout)
      await sh('sleep 0.1')
      await process.kill()
      expect(await output).toBe('up\nbye\n')
      expect(await process.exit).toBe(5)
    })

    test('a command whose waiting shell was killed is started in another', async () => {
      const waiting = "grep -lE 'sbx_group=[$]([$]|PPID); ' /proc/[0-9]*/cmdline 2>/dev/null"
      // Of this worker's: another one's tests have such shells too.
      const parent = 'parent() { read -r _ _ _ up _ </proc/$1/stat; }'
      const isOurs = '[ $p != $$ ] && parent $p && parent $up && [ "$up" = "$worker" ]'
      const kill = `${parent}; parent $PPID; worker=$up; for f in $(${waiting}); do p=\${f%/cmdline}; p=\${p#/proc/}; ${isOurs} && kill -9 $p && echo killed; done`
      const killed = async () => {
        // Two at a time, so that one of them waits.
        await Promise.all([sh('sleep 0.2'), sh('sleep 0.2')])
        expect((await sh(kill)).stdout).toMatch(/^(killed\n)+$/)
      }
      await vi.waitFor(killed, { timeout: 30_000 })
      for (let i = 0; i < 5; i++) expect((await sh('echo alive')).stdout).toBe('alive\n')
    })

    test('long and odd commands arrive as they are', async () => {
      const long = `printf %s '${'x'.repeat(200_000)}' | wc -c`
      expect((await sh(long)).stdout.trim()).toBe('200000')
      const odd =
        'printf "%s|" \'a\tb\u00e9\u{1f600}\u0001\u007f\' "c\\\\d"\ncat <<E\n  here\nE\necho end'
      expect((await sh(odd)).stdout).toBe('a\tb\u00e9\u{1f600}\u0001\u007f|c\\d|  here\nend\n')
    })

    test('a slow reader of one stream gets all of both', async () => {
      const process = await start('head -c 3000000 /dev/zero; echo err >&2')
      const err = text(process.stderr)
      const chunks: Buffer[] = []
      for await (const chunk of process.stdout) {
        chunks.push(chunk as Buffer)
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(Buffer.concat(chunks).length).toBe(3_000_000)
      expect(await err).toBe('err\n')
      expect(await process.exit).toBe(0)
    })
  })
}
