/** The temporary file that becomes a new or replaced one, with the mode and owner it will have. */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lchownSync,
  openSync,
  type Stats,
  unlinkSync,
  writeSync,
} from 'node:fs'
import type { Change } from '../tree.ts'
import { errnoOf } from './host-failure.ts'
import { giveMode } from './host-mode.ts'
import type { Directory } from './host-walk.ts'
import { temporaryName } from './temporary-name.ts'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/**
 * Writes `after` into a new temporary file of `directory`; the caller closes the descriptor. Mode
 * and owner are those of `existing`, else what the umask and `owner` say. Nothing is left on failure.
 */
export function writeTemporary(
  directory: Directory,
  after: Exclude<Change['after'], 'absent'>,
  existing: Stats | undefined,
  owner: Owner | undefined,
): { name: string; descriptor: number } {
  const name = temporaryName()
  const mode = existing ? 0o600 : after.executable ? 0o777 : 0o666
  const descriptor = openSync(directory.at(name), flags, mode)
  try {
    for (let written = 0; written < after.bytes.length; ) {
      written += writeSync(descriptor, after.bytes, written)
    }
    giveTo(descriptor, existing ?? owner)
    // After the owner: changing that clears bits of the mode. Set-id bits are not kept, as no
    // write by an ordinary user would keep them.
    if (existing) giveMode(() => fchmodSync(descriptor, existing.mode & 0o777))
    return { name, descriptor }
  } catch (error) {
    closeSync(descriptor)
    unlinkSync(directory.at(name))
    throw error
  }
}

/** Best effort where the process may not give files away. */
export function giveTo(descriptor: number, owner: Owner | undefined): void {
  if (owner === undefined) return
  try {
    fchownSync(descriptor, process.getuid?.() === 0 ? owner.uid : -1, owner.gid)
  } catch (error) {
    if (errnoOf(error) !== 'EPERM' || process.getuid?.() === 0) throw error
  }
}

/** The same for a path, of which a link is given away itself. */
export function giveAway(path: string, owner: Owner | undefined): void {
  if (owner === undefined || process.getuid?.() !== 0) return
  lchownSync(path, owner.uid, owner.gid)
}
