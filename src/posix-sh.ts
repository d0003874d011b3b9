/** Quoting for POSIX sh: the only place where a value becomes shell text. */

/** One word that the shell reads back as exactly `value`. NUL bytes cannot be passed and throw. */
export function quote(value: string): string {
  if (value.includes('\0')) throw new Error('a shell word cannot hold a NUL byte')
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(value)) return value
  return `'${value.replaceAll("'", "'\\''")}'`
}

/** A name that the shell accepts as a variable's. */
export function isVariableName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
}

/**
 * `read` for what may take any time to come. Where sh is bash, a TMOUT in its environment is a limit, and what it ends
 * looks like the end of the input. The programs that the shell starts have it still.
 */
export const patientRead = 'TMOUT=0 IFS= read -r'

/**
 * Sets `owner`, which ends the name of what a script makes for a while, and defines `left NAME`: whether
 * the script that gave something such a name has ended on this machine, so that it is nobody's any more.
 */
export const ownership = `host=nowhere; read -r host 2>/dev/null </proc/sys/kernel/hostname
owner=$$.$host
left() {
case $1 in *-*."$host") ;; *) return 1 ;; esac
set -- "\${1%."$host"}"
set -- "\${1##*-}"
case $1 in '' | *[!0-9]*) return 1 ;; esac
! kill -0 "$1" 2>/dev/null
}`
