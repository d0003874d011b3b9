/** Puts files in place on the host: by a name more or another name, and by a copy where that cannot be. */
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { errnoOf } from '../trees/host-failure.ts'
import { giveAway } from '../trees/host-temporary.ts'
import { temporaryName } from '../trees/temporary-name.ts'

const umask = process.umask()

/** Of a new file that the sandbox has with `mode`. */
export function newMode(mode: number, executable: boolean): number {
  return withExecutable(mode & 0o777 & ~umask, executable)
}

/** Who may read it may run it, as chmod +x under the usual umask has it. */
export function withExecutable(mode: number, executable: boolean): number {
  return executable ? mode | ((mode & 0o444) >> 2) : mode & ~0o111
}

/** Gives it one name more; false where the file system has no hard links, or not of this file. */
export function linked(place: string, kept: string): boolean {
  try {
    linkSync(place, kept)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw error
    return false
  }
}

/** `linkSync` or `renameSync`, directly, or by way of a copy where another file system begins below the root. */
export function inPlace(
  source: string,
  place: string,
  move: (from: string, to: string) => void,
): void {
  try {
    move(source, place)
  } catch (error) {
    if (!['EXDEV', 'EPERM', 'EOPNOTSUPP', 'ENOTSUP'].includes(errnoOf(error) ?? '')) throw error
    const beside = join(dirname(place), temporaryName())
    copyFileSync(source, beside)
    const { mode, atime, mtime, uid, gid } = statSync(source)
    chmodSync(beside, mode & 0o777)
    utimesSync(beside, atime, mtime)
    giveAway(beside, { uid, gid })
    try {
      if (move === linkSync && lstatSync(place, { throwIfNoEntry: false }) !== undefined) {
        throw Object.assign(new Error('EEXIST'), { code: 'EEXIST' })
      }
      renameSync(beside, place)
    } catch (failure) {
      unlinkSync(beside)
      throw failure
    }
  }
}
