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
