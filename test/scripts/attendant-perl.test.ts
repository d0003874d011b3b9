/** What an attendant that is perl is asked for besides a script: a shortcut, and whether a process is younger. */
import { type ChildProcess, spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  aheadRequest,
  attendantScript,
  nudge,
  type PerlRequest,
  perlRequest,
} from '../../src/scripts/attendant-script.ts'
import { canHaveOwnProcesses } from '../support/own-processes.ts'
import { hasPerl } from '../support/perl-attendant.ts'

const token = 'abcdef0123456789ab'
const mark = (word: string) => `\u001f${token}:${word}\u001f`
const shortcuts = String.raw`
sub here { my ($stdin, @words) = @_; "here @words $stdin" }
sub elsewhere { return }
sub youngest { slurp('/proc/loadavg') =~ / (\d+)\n\z/; $1 }
sub processes { opendir my $names, '/proc'; scalar grep { /^\d+\z/ && slurp("/proc/$_/stat") !~ /\) Z / } readdir $names }
sub leave { my $pid = fork // die; unless ($pid) { sleep 1000; POSIX::_exit(0) } $pid }
sub end_soon { my $pid = fork // die; unless ($pid) { select undef, undef, undef, 0.1; kill 9, $_[1]; POSIX::_exit(0) } '' }
sub leave_without_first {
  my $pid = fork // die;
  exec 'perl', '-Mthreads', '-e', 'threads->create(sub { sleep 1000 }); syscall shift, 0', $_[1] unless $pid;
  select undef, undef, undef, 0.001 until slurp("/proc/$pid/stat") =~ /\) Z /;
  $pid
}
sub finish { kill 9, $_[1]; '' }
sub many { for (1 .. $_[1]) { my $pid = fork // die; POSIX::_exit(0) unless $pid; waitpid $pid, 0 } '' }
`
const nothing = new Uint8Array()
/** What ends one thread alone. */
const exitCall = { x64: 60, arm64: 93 }[process.arch as string]
const lastMark = new RegExp(`${mark('(\\d+|declined|dropped)')}$`)

/** `inside` is what runs a shell, with the script as its last argument. */
class Asked {
  readonly #child: ChildProcess
  #said = ''
  #heard: () => void = () => {}

  constructor(inside: readonly [string, ...string[]]) {
    const [program, ...args] = inside
    this.#child = spawn(program, [...args, attendantScript(token, '', shortcuts)])
    this.#child.stdin?.on('error', () => {})
    this.#child.stdout?.setEncoding('utf8').on('data', (said: string) => {
      this.#said += said
      this.#heard()
    })
  }

  /** All that is said until `isEnd`, which then is not said again. */
  async said(isEnd: RegExp): Promise<string> {
    while (!isEnd.test(this.#said)) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve
      })
    }
    const said = this.#said
    this.#said = ''
    return said
  }

  async ask(asked: Partial<PerlRequest>): Promise<string> {
    const whole = { script: 'echo script', stdin: nothing, shortcut: undefined, ...asked }
    this.#child.stdin?.write(perlRequest(token, { base: undefined, ...whole }))
    return this.said(lastMark)
  }

  /** As `ask`, when the process has ended. */
  askAhead(group: number, script: string, shortcut?: [string, ...string[]]): void {
    this.#child.stdin?.write(aheadRequest(token, { script, shortcut }, group))
  }

  answer = () => this.said(lastMark)

  nudge(): void {
    this.#child.stdin?.write(nudge(token))
  }

  async end(): Promise<void> {
    const end = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.stdin?.end()
    await end
  }
}

describe.runIf(hasPerl)('an attendant that is perl (needs all of perl)', () => {
  let attendant: Asked
  beforeEach(async () => {
    attendant = new Asked(['sh', '-c'])
    await attendant.said(new RegExp(mark('perl')))
  })
  afterEach(() => attendant.end())

  test('takes a shortcut, and the script that came with it is not run', async () => {
    for (const script of [
      'echo script',
      `echo script # ${'x'.repeat(70_000)}`,
      'echo a\necho b\n',
    ]) {
      expect(await attendant.ask({ shortcut: ['here', 'a', ''], script })).toBe(
        `here a  ${mark('0')}`,
      )
    }
    expect(await attendant.ask({})).toBe(`script\n${mark('0')}`)
  })

  test('runs the script at once where the shortcut declines', async () => {
    for (const script of ['echo script', `echo script # ${'x'.repeat(70_000)}`]) {
      expect(await attendant.ask({ shortcut: ['elsewhere'], script })).toBe(`script\n${mark('0')}`)
    }
    const script = 'cat; echo; exit 3'
    expect(await attendant.ask({ shortcut: ['elsewhere'], script })).toBe(`\n${mark('3')}`)
    expect(await attendant.ask({ shortcut: ['here'] })).toBe(`here  ${mark('0')}`)
  })

  test('of a shortcut with a stdin it says that it declines', async () => {
    const stdin = Buffer.from('bytes')
    expect(await attendant.ask({ shortcut: ['here', 'a'], stdin })).toBe(`here a bytes${mark('0')}`)
    expect(await attendant.ask({ shortcut: ['elsewhere'], stdin })).toBe(mark('declined'))
    expect(await attendant.ask({ script: 'dd bs=5 count=1 2>/dev/null', stdin })).toBe(
      `bytes${mark('0')}`,
    )
  })
})

test.runIf(hasPerl)(
  'of a script that is cut off behind a shortcut that declines nothing is run (needs all of perl)',
  async () => {
    for (const script of ['echo ran\n:\n: end', `echo ran # ${'x'.repeat(5_000)}`]) {
      const asked = { script, stdin: nothing, shortcut: ['elsewhere'] as const, base: undefined }
      const sent = perlRequest(token, asked)
      const told = async (bytes: number) => {
        const child = spawn('sh', ['-c', attendantScript(token, '', shortcuts)])
        child.stdin.on('error', () => {})
        child.stdin.end(sent.subarray(0, bytes))
        return text(child.stdout)
      }
      expect(await told(sent.length)).toContain('ran')
      const places = [...sent.keys()].filter((at) => at > sent.length - 12 || at < 60)
      const all = await Promise.all(places.map(told))
      expect(all.filter((said) => said.includes('ran'))).toEqual([])
    }
  },
)

describe.runIf(hasPerl && canHaveOwnProcesses)(
  'whether a process is younger (needs all of perl, and root for a pid namespace)',
  () => {
    const own = ['unshare', '--pid', '--fork', '--mount-proc'] as const
    let attendant: Asked
    const start = async (...inside: [string, ...string[]]) => {
      attendant = new Asked(inside)
      await attendant.said(new RegExp(mark('perl')))
    }
    afterEach(() => attendant.end())

    const did = async (...shortcut: [string, ...string[]]) =>
      (await attendant.ask({ shortcut })).replace(mark('0'), '')
    const youngest = async () => Number(await did('youngest'))
    const isAlone = async (base: number) => {
      const said = await attendant.ask({ base, shortcut: ['here'] })
      expect([`here  ${mark('0')}`, `${mark('alone')}here  ${mark('0')}`]).toContain(said)
      return said.startsWith(mark('alone'))
    }
    /** perl, the shell beside it, and the one that waits for a script: from then on nobody starts one. */
    const quiet = () => expect.poll(() => did('processes')).toBe('3')

    describe('in a namespace of its own', () => {
      beforeEach(async () => {
        await start(...own, 'sh', '-c')
        await quiet()
      })

      test('none is, it is said before anything else', async () => {
        const base = await youngest()
        expect(await attendant.ask({ base })).toBe(`${mark('alone')}script\n${mark('0')}`)
        await quiet()
        const shortcut = ['elsewhere'] as const
        expect(await attendant.ask({ base: await youngest(), shortcut })).toBe(
          `${mark('alone')}script\n${mark('0')}`,
        )
      })

      test('one is, until it has ended', async () => {
        const base = await youngest()
        const pid = await did('leave')
        expect(await isAlone(base)).toBe(false)
        expect(await isAlone(Number(pid))).toBe(true)
        await did('finish', pid)
        await expect.poll(() => isAlone(base)).toBe(true)
      })

      test('many have been, it is not known', async () => {
        const base = await youngest()
        await did('many', '300')
        expect(await isAlone(base)).toBe(true)
        await did('many', '1')
        expect(await isAlone(base)).toBe(false)
      })

      test('what waits for the next script is none of them', async () => {
        const base = await youngest()
        expect(await attendant.ask({ script: 'sleep 0 & wait' })).toBe(mark('0'))
        await quiet()
        expect(await youngest()).toBeGreaterThan(base)
        expect(await isAlone(base)).toBe(true)
      })

      test('their numbers began anew, it is not known', async () => {
        expect(await isAlone((await youngest()) + 1)).toBe(false)
      })
    })

    describe('asked before a process has ended', () => {
      beforeEach(async () => {
        await start(...own, 'sh', '-c')
        await quiet()
      })

      /** Of this length it comes in lines, and at once. */
      const scripts = ['echo script', `echo script # ${'x'.repeat(70_000)}`]

      test.each(scripts)('it answers when that has ended', async (script) => {
        for (const [shortcut, said] of [
          [['here', 'a'], 'here a '],
          [['elsewhere'], 'script\n'],
          [undefined, 'script\n'],
        ] as const) {
          const ahead = shortcut && ([...shortcut] as [string, ...string[]])
          const pid = await did('leave')
          await did('end_soon', pid)
          attendant.askAhead(Number(pid), script, ahead)
          expect(await attendant.answer()).toBe(`${said}${mark('0')}`)
          await quiet()
          // It has ended by now, and whatever waited for it is not there either.
          attendant.askAhead(Number(pid), script, ahead)
          expect(await attendant.answer()).toBe(`${said}${mark('0')}`)
        }
        expect(await attendant.ask({})).toBe(`script\n${mark('0')}`)
      })

      test.runIf(exitCall)('it does not while that goes on without its first thread', async () => {
        const pid = await did('leave_without_first', `${exitCall}`)
        await did('end_soon', pid)
        attendant.askAhead(Number(pid), 'echo script', ['here', 'a'])
        expect(await attendant.answer()).toBe(`here a ${mark('0')}`)
      })

      test('a script of that kind has an empty stdin, and can fail', async () => {
        const pid = Number(await did('leave'))
        await did('finish', `${pid}`)
        attendant.askAhead(pid, 'cat; exit 3')
        expect(await attendant.answer()).toBe(mark('3'))
        attendant.askAhead(pid, 'echo "$$"; exit 129')
        expect(await attendant.answer()).toMatch(new RegExp(`^\\d+\n${mark('129')}$`))
      })

      test('what is asked meanwhile is answered at once, and it is not', async () => {
        const pid = Number(await did('leave'))
        attendant.askAhead(pid, 'echo script', ['here'])
        const said = [await attendant.ask({ shortcut: ['here', 'now'] })]
        if (said[0] === mark('dropped')) said.push(await attendant.answer())
        expect(said.join('')).toBe(`${mark('dropped')}here now ${mark('0')}`)
        await did('finish', `${pid}`)
        expect(await attendant.ask({})).toBe(`script\n${mark('0')}`)
      })

      test('it does not where a younger process is there, or it has not ended when it is to wait no longer', async () => {
        const pid = Number(await did('leave'))
        const younger = await did('leave')
        await did('finish', `${pid}`)
        attendant.askAhead(pid, 'echo script', ['here'])
        expect(await attendant.answer()).toBe(mark('dropped'))
        attendant.askAhead(Number(younger), 'echo script', ['here'])
        attendant.nudge()
        expect(await attendant.answer()).toBe(mark('dropped'))
        await did('finish', younger)
        await expect
          .poll(async () => {
            attendant.askAhead(pid, 'echo script', ['here'])
            return attendant.answer()
          })
          .toBe(`here  ${mark('0')}`)
        // It comes when all is said.
        attendant.nudge()
        expect(await attendant.ask({ shortcut: ['here'] })).toBe(`here  ${mark('0')}`)
      })
    })

    test('those of others are hidden, it is not known', async () => {
      const hidden =
        'mount -t proc -o hidepid=2 proc /proc && setpriv --reuid 65534 --regid 65534 --clear-groups sh -c "$0"'
      await start(...own, 'sh', '-c', `${hidden}; true`)
      await quiet()
      expect(await isAlone(await youngest())).toBe(false)
    })
  },
)
