/** How the host's file system takes names. */
import { lstatSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Whether the host's file system finds a name in any case of its letters. */
export function foldsCase(root: string): boolean {
  const name = basename(root)
  const swapped = name === name.toLowerCase() ? name.toUpperCase() : name.toLowerCase()
  if (swapped === name) return process.platform === 'darwin' || process.platform === 'win32'
  const one = lstatSync(root, { bigint: true, throwIfNoEntry: false })
  const other = lstatSync(join(dirname(root), swapped), { bigint: true, throwIfNoEntry: false })
  return one !== undefined && other !== undefined && one.ino === other.ino && one.dev === other.dev
}
