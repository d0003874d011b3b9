/**
 * The sh script around every command, the same on every backend, for dash, bash and BusyBox.
 *
 * It owns a process group, tells its number, and waits for the word "go": should the server die
 * first, the command never starts. When the command has ended it marks the end of its output in both
 * streams, so a caller needs no timer to know that everything has arrived, and then stays for as long
 * as members of the group live: an engine that closes a finished script's pipes would otherwise break
 * the output of servers that the command left in the background.
 */
import { isVariableName, quote } from './posix-sh.ts'
import { wearDigits } from './process-mark.ts'

export interface Launch {
  /** Unguessable; frames the marks in the output. */
  readonly token: string
  readonly argv: readonly [string, ...string[]]
  readonly workdir: string
  readonly env: Readonly<Record<string, string>>
  /** Of the mark whose text is in `env`. */
  readonly digits: string
  /** Whether the command reads the channel's stdin; else it reads end-of-file. */
  readonly stdin: boolean
}

/** The ASCII record separator: opens and closes a mark, and is rare in real output. */
export const markByte = 0x1e

/** The script for `Sandbox.start`. Variable names are the caller's to check. */
export function launchScript({ token, argv, workdir, env, digits, stdin }: Launch): string {
  const exports = Object.entries(env).map(([name, value]) => {
    if (!isVariableName(name)) throw new Error(`not a variable name: ${name}`)
    return `export ${name}=${quote(value)}`
  })
  const mark = (text: string) => `printf '\\036${token}:%s\\036' ${text}`
  const body = [
    // A trap that does nothing keeps this shell alive when its whole group is signalled, and,
    // unlike an ignored signal, is not inherited by the command.
    'trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE',
    `cd -- ${quote(workdir)} 2>/dev/null || { ${mark('workdir')} >&2; exit 0; }`,
    'IFS=. read -r began _ 2>/dev/null </proc/uptime',
    `${mark('"$$"')} >&2`,
    'IFS= read -r go || exit 0',
    // Shells report a killed child on stderr; this one's goes nowhere while it waits.
    'exec 4>&2 2>/dev/null',
    `(`,
    'exec 2>&4 4>&-',
    wearDigits(digits),
    ...exports,
    // A command that is found nowhere is told by the shell, as exit code 126 or 127.
    `exec ${argv.map(quote).join(' ')}`,
    `)${stdin ? '' : ' </dev/null'}`,
    'code=$?',
    mark('"$code"'),
    `${mark('"$code"')} >&4`,
    'exec </dev/null >/dev/null 4>&-',
    lingerWhileGroupLives,
    'exit "$code"',
  ].join('\n')
  // Engines differ in whether a script leads a group of its own.
  return `body=${quote(body)}
read -r _ _ _ _ group _ </proc/$$/stat
if [ "$group" = "$$" ]; then eval "$body"; else exec setsid sh -c "$body"; fi`
}

/**
 * After a short command only the few processes that are younger than this shell can be of its group, and
 * most often there is none; a subshell's number is the youngest. In two seconds no host uses up its process
 * numbers. Otherwise one grep looks through all of them: sh's `read` takes a system call for each byte, and
 * an SSH host may run a thousand. What grep saw of itself is gone when its answer is read.
 */
const lingerWhileGroupLives = `IFS=. read -r now _ </proc/uptime
last=$(read -r pid _ </proc/self/stat; echo "$pid")
[ $((\${now:-9} - \${began:-0})) -le 1 ] && [ "$last" -gt $$ ] && [ "$last" -lt $(($$ + 50)) ] || last=
while :; do
found= pid=$$
while [ $((pid += 1)) -lt "\${last:-0}" ]; do
[ -e "/proc/$pid" ] && IFS= read -r line 2>/dev/null <"/proc/$pid/stat" || continue
set -- \${line##*) }
[ "$3" = "$$" ] && [ "$1" != Z ] && found=1 && break
done
[ "$last" ] || for stat in $(grep -lsE "[)] [^Z] [0-9]+ $$ " /proc/[0-9]*/stat); do
[ "$stat" != "/proc/$$/stat" ] && [ -e "$stat" ] && found=1 && break
done
[ "$found" ] || break
last=
sleep 1
done`
