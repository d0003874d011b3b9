/** One name of a directory becomes another file, or nothing, in one step that can be undone. */
import {
  closeSync,
  fchmodSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { fileExists, notAFile } from '../file-errors.ts'
import { errnoOf, kindName } from './host-failure.ts'
import { chunks, withFile } from './host-file.ts'
import { giveMode } from './host-mode.ts'
import { giveTo } from './host-temporary.ts'
import type { Directory } from './host-walk.ts'
import { temporaryName } from './temporary-name.ts'

/** How to go back, or to make going back impossible. */
export interface Undo {
  restore(): void
  forget(): void
}

export interface Replacement {
  readonly directory: Directory
  readonly name: string
  /** The name of the file that takes the place; without it the name is removed. */
  readonly staged: string | undefined
  /** The file that the staged one has its rights from. */
  readonly existing: Stats | undefined
  /** Refuses (`FILE_EXISTS`) whatever came between. */
  readonly mustBeNew: boolean
  /** False where nothing follows that could fail. */
  readonly undoable: boolean
  /** How errors name it. */
  readonly path: string
}

/** Does it. Readers of the name see the old file or the new one; on failure, the old one. */
export function putInPlace(change: Replacement): Undo | undefined {
  const { directory, name, staged, existing, undoable, path } = change
  const place = directory.at(name)
  const there = lstatSync(place, { throwIfNoEntry: false })
  // A name that became a directory is refused also where rename would take an empty one away.
  if (there?.isDirectory()) throw notAFile(path, kindName(there))
  if (staged === undefined) {
    if (there === undefined) return undefined
    if (!undoable) {
      unlinkSync(place)
      return undefined
    }
    const kept = directory.at(temporaryName())
    renameSync(place, kept)
    return { restore: () => renameSync(kept, place), forget: () => unlinkSync(kept) }
  }
  if (change.mustBeNew) {
    addNew(directory.at(staged), place, path)
    return { restore: () => unlinkSync(place), forget: () => {} }
  }
  // Its rights may have been changed while the new content was on its way to the disk.
  if (existing && there?.isFile() && ((there.mode ^ existing.mode) & 0o777) !== 0) {
    withFile(directory.at(staged), (file) =>
      giveMode(() => fchmodSync(file.descriptor, there.mode & 0o777)),
    )
  }
  const kept = there && undoable ? keepBeside(directory, place, there) : undefined
  try {
    renameSync(directory.at(staged), place)
  } catch (error) {
    if (kept !== undefined) unlinkSync(kept)
    throw error
  }
  if (kept === undefined) return { restore: () => there || unlinkSync(place), forget: () => {} }
  return { restore: () => renameSync(kept, place), forget: () => unlinkSync(kept) }
}

/** A link is made only where nothing is; a rename would replace what came between. */
function addNew(staged: string, place: string, path: string): void {
  try {
    linkSync(staged, place)
  } catch (error) {
    const code = errnoOf(error) ?? ''
    if (code === 'EEXIST') throw fileExists(path)
    if (!withoutHardLinks.includes(code)) throw error
    renameSync(staged, place)
    return
  }
  try {
    unlinkSync(staged)
  } catch {
    // The file is in place; what is left of the staged name is not listed.
  }
}

/** What file systems without hard links say, and Linux about files of others. */
const withoutHardLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES']

function keepBeside(directory: Directory, place: string, there: Stats): string {
  const kept = directory.at(temporaryName())
  const user = process.geteuid?.()
  // A link to a file of somebody else's could not be removed again from a sticky directory.
  const linked = (user === 0 || user === there.uid) && triedLink(place, kept)
  if (!linked) copy(place, kept, there)
  return kept
}

function triedLink(place: string, kept: string): boolean {
  try {
    linkSync(place, kept)
    return true
  } catch (error) {
    if (withoutHardLinks.includes(errnoOf(error) ?? '')) return false
    throw error
  }
}

function copy(place: string, kept: string, there: Stats): void {
  withFile(place, (file) => {
    const descriptor = openSync(kept, 'wx', 0o600)
    try {
      for (const chunk of chunks(file)) {
        for (let written = 0; written < chunk.length; ) {
          written += writeSync(descriptor, chunk, written)
        }
      }
      giveTo(descriptor, there)
      giveMode(() => fchmodSync(descriptor, there.mode & 0o777))
    } catch (error) {
      unlinkSync(kept)
      throw error
    } finally {
      closeSync(descriptor)
    }
  })
}
