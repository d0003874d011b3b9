/**
 * What a launcher of `runner-script.ts` is told, to become a command: text for the shell that it is, in a frame
 * that `read` and dd can take, as an attendant takes it too. Its variables are named as a runner's.
 */

import { wearDigits } from '../guard/process-mark.ts'
import { quote } from '../posix-sh.ts'
import { settle } from './late-printers.ts'
import {
  exportsOf,
  keepUntilGone,
  launcherVariables,
  mark,
  noTraps,
  type Shell,
  traps,
} from './runner-script.ts'

export interface CommandLine {
  /** A program and its arguments, or text for a shell: bash if there is one, else sh. */
  readonly run: readonly [string, ...string[]] | string
  readonly workdir: string
  /** Names must be variable names. */
  readonly env: Readonly<Record<string, string>>
  /** Of the mark whose text is in `env`; undefined for what carries none. */
  readonly digits: string | undefined
  /** End-of-file at once, the channel's own stdin, or these bytes. */
  readonly stdin: 'none' | 'open' | Uint8Array
  /** All that an open stdin is to give: it is on its way with the command, and so is its end. */
  readonly input?: Uint8Array | undefined
}

/**
 * Lines are read with a system call for each byte. A longer text is read at once: by bash itself since 5.0,
 * and else by a process, which pays for more.
 */
const longBytes: Readonly<Record<Shell, number>> = {
  bash5: 60,
  bash4: 1_000,
  sh: 3_000,
}

/** Linux takes 128 KiB in one argument of a program. */
const isTooLong = (text: string) => Buffer.byteLength(text) > 120_000

/** What bash lets nobody set who is in it, or not for others: with those it has to be started. */
const setAtStart =
  /^(?:E?UID|PPID|GROUPS|FUNCNAME|DIRSTACK|SHELLOPTS|BASHOPTS|BASH_(?!ENV$|XTRACEFD$)\w*)$/

/** What a launcher is told, to become the command. */
export function commandText(token: string, shell: Shell, line: CommandLine): Buffer {
  const { run, workdir, env, digits, stdin, input } = line
  const isLong = typeof run === 'string' && isTooLong(run)
  const isForStart = ([name]: [string, string]) =>
    shell !== 'sh' && !isLong && setAtStart.test(name)
  const forStart = Object.entries(env).filter(isForStart)
  const exports = exportsOf(
    Object.fromEntries(Object.entries(env).filter((one) => !isForStart(one))),
  )
  const wear = digits === undefined ? [] : [wearDigits(digits, shell !== 'sh')]
  // Redirected once: that is eight system calls each time.
  const prologue = (...also: readonly string[]) => [
    // The last of the five stays. It is empty before: who waits has seen to that.
    `{ cd -- ${quote(workdir)} && sbx_=0 && read -r sbx_ sbx_ sbx_ sbx_ sbx_ </proc/loadavg`,
    ...also,
    '} 2>/dev/null',
    `[ "$sbx_" ] || { printf '\\036${token}:workdir\\036' >&2; exit 0; }`,
    `printf '\\036${token}:started %s\\036' "$sbx_" >&2`,
    'unset sbx_ OLDPWD',
  ]
  const bytes = stdin instanceof Uint8Array ? stdin : new Uint8Array()
  const read = `dd bs=${bytes.length} count=1 iflag=fullblock 2>/dev/null |`
  // What takes them is waited for, also when both are asked to end: it may have something to take back.
  const waits = bytes.length > 0 ? ['trap : TERM'] : []
  const isTaken = typeof run === 'string' && (isLong || (shell !== 'sh' && isSameInEval(run, env)))
  const argv = () => {
    const program = shell === 'sh' ? shell : 'bash'
    const own = typeof run === 'string' ? [program, '-c', run] : run
    const start = forStart.map(([name, value]) => `${name}=${value}`)
    return (start.length === 0 ? own : ['env', ...start, ...own]).map(quote).join(' ')
  }
  const text = (lines: readonly string[]) => framed(shell, lines.join('\n'))
  if (stdin === 'open') {
    // What is left of its stdin could be taken for an answer, so the launcher stays, and leads the group.
    // A subshell that is asked for its traps tells those of the shell around it.
    const taken = `${noTraps}; unset ${launcherVariables} sbx_first; unset -f sbx_take; `
    // As a word of its own, so that what the shell cannot read of it takes nothing along of what follows here. bash counts
    // its lines from where the word before it ends.
    const command =
      typeof run === 'string' && isLong ? `eval ${quote(taken)} ${quote(run)}` : `exec ${argv()}`
    // A shell tells of a child that a signal ends, and bash with all of its text: no words of the command's.
    // A FIFO whose other end is closed cannot be opened by name, nor can a socket: a pipe can.
    const piped = input === undefined ? '' : 'cat | '
    const child = [
      `{ ${piped}(`,
      'exec 2>&3 3>&-',
      '{ :',
      ...wear,
      '} 2>/dev/null',
      ...exports,
      command,
      ')',
      'sbx_code=$?',
      '} 3>&2 2>/dev/null',
    ]
    return text([...prologue('sbx_first=$sbx_'), traps, ...child, ...settled, led(token)])
  }
  if (isTaken) {
    // On its first line, so that lines are counted as in a file of its own. For bash it is a word of its own, since bash
    // tells the whole line of what it cannot read; the word before it is where it counts from.
    const own = shell === 'sh' ? run : `eval -- ${quote(run)}`
    const command = bytes.length > 0 ? `${read} {\n${run}\n}` : `exec </dev/null; ${own}`
    const lines = [...prologue(...wear), ...exports, ...waits]
    const blocks =
      shell === 'sh'
        ? [text([...lines, command])]
        : [text([...lines, 'SECONDS=0']), text([command])]
    return Buffer.concat([...blocks, bytes])
  }
  // A command that is found nowhere is told by the shell, as exit code 126 or 127. A shell that does not become the
  // command ends with it: bash would wait for the rest of what it takes elsewhere in two texts.
  const command = bytes.length > 0 ? `${read} ${argv()}\nexit` : `exec ${argv()} </dev/null`
  return Buffer.concat([text([...prologue(...wear), ...exports, ...waits, command]), bytes])
}

/** What prints on for it is waited for, with its streams where a runner has them. */
const settled = ['exec 4>&2 2>/dev/null', settle, 'sbx_settle', 'exec 2>&4 4>&-']

/**
 * The end of a command whose exit code is `$sbx_code`, as its launcher tells it. What is left of its stdin may be much, and
 * the shell that comes next would read it byte by byte.
 */
const led = (token: string) => `${mark(token, '', '"$sbx_code"')}
${mark(token, '', '"$sbx_code"')} >&2
sbx_group=$$
exec 5<&0
${keepUntilGone(token, '2')}
cat <&5`

/**
 * The shell that waits takes text as if it had been started with it, but for what tells how a shell was
 * started, traces, which are indented by what encloses them, and variables that are read at a start or
 * mean something to the shell itself.
 */
function isSameInEval(text: string, env: Readonly<Record<string, string>>): boolean {
  const tells = /BASH|LINENO|FUNCNAME|SECONDS|caller|xtrace|verbose|\bset\s+-\w*[xv]|\$[-_]/
  const special =
    /^(?:BASH.*|LD_.*|PS4|IFS|_|ENV|TMOUT|CDPATH|GLOBIGNORE|OPT.*|SHELLOPTS|POSIXLY_CORRECT|RANDOM|SRANDOM|SECONDS|EPOCH.*|LINENO|U?ID|EUID|PPID|GROUPS|DIRSTACK|HIST.*|FUNC.*|PIPESTATUS|COMP_.*|PWD|OLDPWD)$/
  return !tells.test(text) && !Object.keys(env).some((name) => special.test(name))
}

/**
 * Text as a shell can take it: its size, in lines or as `+` and its bytes, and what follows that. A connection may
 * end anywhere, and half a text is not to be run: `read` tells the end, and dd does not, so a line feed comes after
 * what is read by it.
 */
export function block(shell: Shell, text: string): { size: string; text: Buffer } {
  const bytes = Buffer.from(text)
  // Shells have their own uses for some control characters in what `read` reads.
  const isPlain = bytes.length <= longBytes[shell] && !/[^\t\n\x20-\x7e]/.test(text)
  return isPlain
    ? { size: `${text.split('\n').length}`, text: Buffer.from(`${text}\n`) }
    : { size: `+${bytes.length}`, text: shell === 'bash5' ? bytes : Buffer.from(`${text}\n`) }
}

function framed(shell: Shell, lines: string): Buffer {
  const { size, text } = block(shell, lines)
  return Buffer.concat([Buffer.from(`${size}\n`), text])
}
