/** Which directory would be there if it were made. */
import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/**
 * The real path that a directory has, or will have once it is made. Makes nothing. Throws what keeps it
 * from being made, or from being written in.
 */
export function expectedDirectory(path: string): string {
  const missing: string[] = []
  for (let there = resolve(path); ; there = dirname(there)) {
    if (statSync(there, { throwIfNoEntry: false }) === undefined) {
      missing.unshift(basename(there))
      continue
    }
    if (!statSync(there).isDirectory()) throw new Error(`${there} is not a directory`)
    accessSync(there, constants.W_OK | constants.X_OK)
    return join(realpathSync(there), ...missing)
  }
}
