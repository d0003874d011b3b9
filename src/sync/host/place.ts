/** Puts files in place on the host: by a name more or another name, and by a copy where that cannot be. */
import {
  closeSync,
  fchmodSync,
  fsync,
  fsyncSync,
  futimesSync,
  linkSync,
  lstatSync,
  openSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { errnoOf } from '../../trees/host-failure.ts'
import { chunks, openFile, withFile } from '../../trees/host-file.ts'
import { giveMode } from '../../trees/host-mode.ts'
import { giveAway, giveTo, type Owner } from '../../trees/host-temporary.ts'
import { temporaryName } from '../../trees/temporary-name.ts'
import { inSlices, type Steps } from '../slices.ts'

const fsyncDone = promisify(fsync)
/** What is no more than this is copied within a turn. */
const smallBytes = 128 * 1024
const umask = process.umask()

/** Of a new file that the sandbox has with `mode`. */
export function newMode(mode: number, executable: boolean): number {
  return withExecutable(mode & 0o777 & ~umask, executable)
}

/** Who may read it may run it, as chmod +x under the usual umask has it. */
export function withExecutable(mode: number, executable: boolean): number {
  return executable ? mode | ((mode & 0o444) >> 2) : mode & ~0o111
}

/** Gives a staged file what it is to have in its place. Not by its name, as a link may have taken that meanwhile. */
export function finish(
  staged: string,
  mode: number,
  owner: Owner | undefined,
  mtimeMs: number,
): void {
  withFile(staged, ({ descriptor }) => {
    if (process.getuid?.() === 0) giveTo(descriptor, owner)
    giveMode(() => fchmodSync(descriptor, mode))
    futimesSync(descriptor, Date.now() / 1000, mtimeMs / 1000)
  })
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

/**
 * Gives `place` what was taken from it, if nothing has come there meanwhile: by a name more, which replaces nothing, and by
 * another name where there are no hard links, or none of what it is.
 */
export function putBack(kept: string, place: string): void {
  try {
    linkSync(kept, place)
  } catch (error) {
    if (lstatSync(place, { throwIfNoEntry: false }) !== undefined) throw error
    renameSync(kept, place)
  }
}

/**
 * Copies the large file `source` beside `place`, durably, where it cannot be moved there: another file system
 * begins below the root. Undefined where that is not needed. `CANCELLED` on the signal, and nothing is left then.
 */
export async function copiedNear(
  source: string,
  place: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (statSync(source).size <= smallBytes) return undefined
  const beside = join(dirname(place), temporaryName())
  try {
    linkSync(source, beside)
    unlinkSync(beside)
    return undefined
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') return undefined
  }
  const to = openSync(beside, 'wx', 0o600)
  try {
    await inSlices(copy(source, to), signal)
    await fsyncDone(to)
    return beside
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  } finally {
    closeSync(to)
  }
}

function* copy(source: string, to: number): Steps<void> {
  const from = openFile(source)
  try {
    for (const chunk of chunks(from)) {
      for (let written = 0; written < chunk.length; ) written += writeSync(to, chunk, written)
      yield
    }
  } finally {
    closeSync(from.descriptor)
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
    try {
      copyWhole(source, beside)
      if (move === linkSync && lstatSync(place, { throwIfNoEntry: false }) !== undefined) {
        throw Object.assign(new Error('EEXIST'), { code: 'EEXIST' })
      }
      renameSync(beside, place)
    } catch (failure) {
      rmSync(beside, { force: true })
      throw failure
    }
  }
}

/** With the facts of the source; what is a link is one again. */
function copyWhole(source: string, beside: string): void {
  const stats = lstatSync(source)
  if (stats.isSymbolicLink()) {
    symlinkSync(readlinkSync(source), beside)
    giveAway(beside, stats)
    return
  }
  const to = openSync(beside, 'wx', 0o600)
  try {
    for (const _ of copy(source, to));
    fsyncSync(to)
    if (process.getuid?.() === 0) giveTo(to, stats)
    giveMode(() => fchmodSync(to, stats.mode & 0o777))
    futimesSync(to, stats.atime, stats.mtime)
  } finally {
    closeSync(to)
  }
}
