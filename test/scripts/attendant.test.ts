/** One shell runs the scripts of a session's own, and none of them can tell. In dash, bash and BusyBox. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { open, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, test as anyTest, beforeEach, describe, expect, vi } from 'vitest'
import { attendedScripts } from '../../src/attended-scripts.ts'
import { type Guard, openGuard } from '../../src/guard/guard.ts'
import { Attendant } from '../../src/scripts/attendant.ts'
import { attendantScript } from '../../src/scripts/attendant-script.ts'
import { mostPrinted } from '../../src/scripts/held-output.ts'
import { framedBytes, spawnedScripts, spawnScript } from '../../src/scripts/spawn-script.ts'
import { type LocalSandbox, localSandbox, shells } from '../support/local-sandbox.ts'
import { hasPerl } from '../support/perl-attendant.ts'

const never = new AbortController().signal

const functions = `told=
greet() { printf 'hello %s' "$1"; }`

interface Attended {
  readonly shell: string
  readonly path: string
  /** Whether it knows shortcuts, and can take them. */
  readonly shortcuts: 'none' | 'declined by all' | 'taken'
}

/** A program of that name that is no perl of ours: it lacks modules. */
const meagre = mkdtempSync(join(tmpdir(), 'sbx-meagre-'))
writeFileSync(join(meagre, 'perl'), '#!/bin/sh\nexit 2\n', { mode: 0o755 })
afterAll(() => rmSync(meagre, { recursive: true }))

const attendants: Record<string, Attended> = {}
for (const [name, { shell, path }] of Object.entries(shells())) {
  attendants[name] = { shell, path, shortcuts: 'none' }
  const withPerl = path === '/usr/bin:/bin'
  attendants[`${name}, ${withPerl ? 'with' : 'without'} perl`] = {
    shell,
    path,
    shortcuts: withPerl ? 'taken' : 'declined by all',
  }
}
attendants['sh, with a perl that lacks modules'] = {
  shell: '/bin/sh',
  path: `${meagre}:/usr/bin:/bin`,
  shortcuts: 'declined by all',
}

for (const [name, { shell, path, shortcuts }] of Object.entries(attendants)) {
  const test = shortcuts === 'taken' ? anyTest.runIf(hasPerl) : anyTest
  describe(`the attendant in ${name}`, () => {
    let sandbox: LocalSandbox
    let guard: Guard
    let attendant: Attendant

    beforeEach(async () => {
      sandbox = localSandbox({ shell, path })
      guard = await openGuard(sandbox, never)
      attendant = new Attendant(guard, shortcuts === 'none' ? undefined : 'sub here { "here" }')
    })

    afterEach(async () => {
      await guard.close()
      await sandbox.quiet()
      sandbox.remove()
    })

    const run = (script: string, stdin?: Uint8Array, signal = never) =>
      attendant.run({ script, stdin, signal, functions, shortcut: ['elsewhere'] })
    const told = async (script: string, stdin?: Uint8Array) => {
      const { code, stdout } = await run(script, stdin)
      return `${code} ${stdout}`
    }
    const file = (path: string) => join(sandbox.root, path)

    const shortcut = async () => {
      const { stdout } = await attendant.run({
        script: 'echo script',
        signal: never,
        functions,
        shortcut: ['here'],
      })
      return stdout.toString()
    }

    /** Scripts run in the same shell from then on; until it has started a runner takes them. */
    const attended = async () => {
      if (shortcuts === 'taken') while ((await shortcut()) !== 'here');
      for (let before = ''; ; ) {
        const shell = await told('echo "$$"')
        if (shell === before) return shell
        before = shell
      }
    }

    test('runs one script after another, each as if it were alone', async () => {
      const shell = await attended()
      expect(await told('x=1; cd /tmp; trap "echo left" EXIT TERM; set -f; exit 3')).toBe(
        '3 left\n',
      )
      expect(await told(`echo "$x" "$PWD" "$$" /etc/host?; trap`)).toMatch(
        new RegExp(`^0 +/ ${shell.slice(2, -1)} /etc/host`),
      )
      expect(await told('greet() { :; }')).toBe('0 ')
      expect(await told('greet you')).toBe('0 hello you')
      expect(await told('exec sh -c "echo other; exit 4"')).toBe('4 other\n')
      expect(await attended()).toBe(shell)
    })

    test('hands on bytes as they are, both ways', async () => {
      await attended()
      const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 256))
      const script = `dd bs=${bytes.length} count=1 iflag=fullblock 2>/dev/null`
      expect((await run(script, bytes)).stdout.equals(bytes)).toBe(true)
      const name = "ä'\u0001\u001f\u007f\n$x"
      expect(await told(`printf %s "${name.replace('$', '\\$')}"`)).toBe(`0 ${name}`)
      expect(await told(`: ${'y'.repeat(5_000)}; echo long`)).toBe('0 long\n')
    })

    test('a long script starts programs, whatever the environment has variables of', async () => {
      const words = attendantScript('token', '').match(/\b[a-z][a-z_]*\b/g) ?? []
      const env = Object.fromEntries(words.map((word) => [word, 'theirs']))
      const own = localSandbox({ shell, path, env })
      const other = await openGuard(own, never)
      const attending = new Attendant(other)
      const script = `: ${'x'.repeat(140_000)}; cat /proc/self/environ && echo "$$"`
      // A runner takes the first ones; then it is the same shell each time.
      let [last, before] = ['', '']
      do {
        before = last
        const { code, stdout } = await attending.run({ script, signal: never, functions })
        expect([code, stdout.includes('x'.repeat(100))]).toEqual([0, false])
        last = String(stdout).split('\n').at(-2) ?? ''
      } while (last !== before)
      await other.close()
      own.remove()
    })

    test('a script without stdin cannot take what follows', async () => {
      await attended()
      expect(await told('cat')).toBe('0 ')
      expect(await told('echo next')).toBe('0 next\n')
    })

    test('one that fails before it took its stdin does not disturb the next', async () => {
      await attended()
      const left = `token 1 0\n: >'${file('trapped')}'\n`.repeat(9)
      expect(await told('exit 5', Buffer.from(left))).toBe('5 ')
      expect(await told('echo next')).toBe('0 next\n')
      await attended()
      expect(existsSync(file('trapped'))).toBe(false)
    })

    test('one that was killed does not leave its shell behind', async () => {
      const shell = await attended()
      expect(await told('exec sh -c "kill -9 \\$\\$"')).toBe('137 ')
      expect(await attended()).not.toBe(shell)
    })

    test('one that tells is not waited for, and the next comes after it', async () => {
      const shell = await attended()
      await told(`mkfifo '${file('wait')}'`)
      const tells = `printf "now\\n$told"; read -r line <'${file('wait')}'; : >'${file('after')}'`
      expect(await told(tells)).toBe('0 now\n')
      const next = told(`[ -e '${file('after')}' ] && echo "$$"`)
      await writeFile(file('wait'), 'go on\n')
      expect(await next).toBe(shell)
    })

    test('one that is busy keeps nobody waiting', async () => {
      await attended()
      await told(`mkfifo '${file('wait')}'`)
      const first = told(`read -r line <'${file('wait')}'; echo "$line"`)
      expect(await told('echo second')).toBe('0 second\n')
      await writeFile(file('wait'), 'first\n')
      expect(await first).toBe('0 first\n')
    })

    test.each(['the attendant', 'a runner'])(
      'a script of %s whose errors do not end is given up',
      async (who) => {
        const shell = await attended()
        const { run } = who === 'a runner' ? spawnedScripts(guard) : attendedScripts(attendant)
        const flooding = run('cat /dev/zero >&2', undefined, never, 'command', functions)
        await expect(flooding).rejects.toMatchObject({
          code: 'SANDBOX_LOST',
          message: expect.stringContaining(`says more than ${mostPrinted} bytes`),
        })
        expect(await told('echo next')).toBe('0 next\n')
        if (who === 'the attendant') expect(await attended()).not.toBe(shell)
      },
    )

    test.each(['the attendant', 'a runner'])(
      'of the errors of a script of %s the first are kept, and it ends as it does',
      async (who) => {
        await attended()
        const { run } = who === 'a runner' ? spawnedScripts(guard) : attendedScripts(attendant)
        const script = `head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 3`
        const { code, stderr } = await run(script, undefined, never, 'command', functions)
        expect(code).toBe(3)
        expect(stderr).toMatch(/^x{1048576,1200000}$/)
      },
    )

    test.each([
      ['the attendant', 'no stdin', undefined],
      ['the attendant', 'stdin', Buffer.from('given')],
      ['a runner', 'no stdin', undefined],
      ['a runner', 'stdin', Buffer.from('given')],
      ['a runner', 'more stdin than is sent at once', Buffer.alloc(2 * framedBytes)],
      ['the attendant', 'more stdin than is sent at once', Buffer.alloc(2 * framedBytes)],
    ])('a cancelled script of %s with %s has taken back what it did', async (who, _, stdin) => {
      if (who === 'the attendant') await attended()
      const { run } = who === 'a runner' ? spawnedScripts(guard) : attendedScripts(attendant)
      const abort = new AbortController()
      await told(`mkfifo '${file('began')}' '${file('undo')}'`)
      const undo = `read -r line <'${file('undo')}'; echo undone >'${file('undone')}'`
      // Said by the program itself: a shell that has just forked can lose a signal.
      const program = `sh -c "echo >'${file('began')}'; exec sleep 300"`
      const script = `trap "${undo}" EXIT; trap 'exit 143' TERM; ${program}; exit 0`
      const end = run(script, stdin, abort.signal, 'command', functions).catch(({ code }) => ({
        code,
        isUndone: existsSync(file('undone')),
      }))
      await readFile(file('began'))
      abort.abort()
      // Time to tell too early.
      await spawnScript(guard, 'true', undefined, never)
      const undoing = await open(file('undo'), 'r+')
      await undoing.write('go on\n')
      expect(await end).toEqual({ code: 'CANCELLED', isUndone: true })
      await undoing.close()
      expect(await told('echo next')).toBe('0 next\n')
    })

    test.each([
      ['the attendant', undefined],
      ['a runner', undefined],
      ['a runner that is sent much', Buffer.alloc(2 * framedBytes)],
    ])(
      'a script of %s that comes to its end although it is cancelled is done',
      async (who, stdin) => {
        if (who === 'the attendant') await attended()
        const { run } = who === 'the attendant' ? attendedScripts(attendant) : spawnedScripts(guard)
        const abort = new AbortController()
        await told(`mkfifo '${file('began')}' '${file('go')}'`)
        const script = `trap '' TERM; echo >'${file('began')}'; read -r line <'${file('go')}'; echo done`
        const end = run(script, stdin, abort.signal, 'command', functions)
        await readFile(file('began'))
        const signals = vi.spyOn(guard, 'signal')
        abort.abort()
        await signals.mock.results[0]?.value
        const going = await open(file('go'), 'r+')
        await going.write('go on\n')
        expect(await end).toMatchObject({ code: 0, stdout: Buffer.from('done\n') })
        await going.close()
      },
    )

    test('what a script has left of a large stdin when it ends is not sent', async () => {
      const start = vi.spyOn(sandbox, 'start')
      const other = await openGuard(sandbox, never)
      const stdin = Buffer.alloc(20 * framedBytes)
      const { code } = await spawnScript(other, 'head -c 1 >/dev/null; exit 3', stdin, never)
      const channels = await Promise.all(start.mock.results.map(({ value }) => value))
      const unsent = channels.map((channel) => channel.stdin.writableLength)
      await other.close()
      expect(code).toBe(3)
      expect(Math.max(...unsent)).toBeLessThan(2 * framedBytes)
    })

    test('a cancelled script that takes long to take back what it did is let do so', async () => {
      const abort = new AbortController()
      await told(`mkfifo '${file('began')}' '${file('undo')}'`)
      const undo = `read -r line <'${file('undo')}'; echo undone >'${file('undone')}'`
      const program = `sh -c "echo >'${file('began')}'; exec sleep 300"`
      const script = `trap "${undo}" EXIT; trap 'exit 143' TERM; ${program}; exit 0`
      const { run } = spawnedScripts(guard)
      const end = run(script, undefined, abort.signal).catch(({ code }) => code)
      await readFile(file('began'))
      const signals = vi.spyOn(guard, 'signal')
      vi.useFakeTimers({ toFake: ['setTimeout'] })
      try {
        abort.abort()
        await signals.mock.results[0]?.value
        await new Promise(setImmediate)
        vi.advanceTimersByTime(10_000)
        await new Promise(setImmediate)
      } finally {
        vi.useRealTimers()
      }
      expect(signals.mock.calls.map(([signal]) => signal)).toEqual(['TERM'])
      const undoing = await open(file('undo'), 'r+')
      await undoing.write('go on\n')
      expect(await end).toBe('CANCELLED')
      await undoing.close()
      expect(existsSync(file('undone'))).toBe(true)
    })

    test('a shortcut is taken where it can be, and the script does the same elsewhere', async () => {
      await attended()
      expect(await shortcut()).toBe(shortcuts === 'taken' ? 'here' : 'script\n')
      expect(await told('echo "$1"; greet you', Buffer.from('left'))).toBe('0 \nhello you')
    })

    test('does not count as something that runs', async () => {
      await attended()
      expect(await guard.hasProcesses()).toBe(false)
    })
  })
}
