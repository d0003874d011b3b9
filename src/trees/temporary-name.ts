/** Names of the files that exist only while something is written. */
import { randomBytes } from 'node:crypto'

/** A new name, unguessable, for a file beside the one that it will become. */
export function temporaryName(): string {
  return `.sbx-${randomBytes(16).toString('hex')}`
}

/** True for what `temporaryName` makes, with the suffixes that scripts add; such names are never listed. */
export function isTemporaryName(name: string): boolean {
  return /^\.sbx-[0-9a-f]{32}(-[0-9]+b?)?$/.test(name)
}
