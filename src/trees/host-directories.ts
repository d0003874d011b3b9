/** Directories on the way to a file: made when they are missing, and made durable. */
import { closeSync, constants, fsync, lchownSync, lstatSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { notADirectory, pathOutside } from '../file-errors.ts'
import { errno, errnoOf } from './host-failure.ts'
import type { Owner } from './host-temporary.ts'
import type { Directory, HostWalk, Place } from './host-walk.ts'

/** A directory that was not there before. */
export interface Made {
  readonly directory: Directory
  readonly name: string
}

/**
 * The directory that `place` belongs in. What is missing of it is made, given to `owner`, and told
 * to `made` at once, so that a failure half way can be taken back. Others may make it at the same time.
 */
export function makeMissing(
  walk: HostWalk,
  { directory, missing }: Place,
  owner: Owner | undefined,
  made: Made[],
): Directory {
  for (const name of missing) {
    const isNew = makeOne(directory.at(name))
    if (isNew) made.push({ directory, name })
    const inner = walk.enter(directory, name)
    if (inner === undefined) throw notEntered(directory, name)
    if (isNew && owner) lchownSync(inner.at('.'), owner.uid, owner.gid)
    directory = inner
  }
  return directory
}

function makeOne(host: string): boolean {
  try {
    mkdirSync(host, 0o777)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

function notEntered(directory: Directory, name: string): Error {
  const found = lstatSync(directory.at(name), { throwIfNoEntry: false })
  const path = join(directory.path, name)
  if (found === undefined) return errno('ENOENT')
  if (found.isSymbolicLink()) return pathOutside(path, 'a link took its place meanwhile')
  return notADirectory(path)
}

const fsyncDone = promisify(fsync)

/** Makes the names in it durable, where the file system can. */
export async function syncDirectory(directory: Directory): Promise<void> {
  try {
    const descriptor = openSync(directory.at('.'), constants.O_RDONLY | constants.O_DIRECTORY)
    await fsyncDone(descriptor).finally(() => closeSync(descriptor))
  } catch {
    // The change is in place already: there is nothing to take back, and nothing more to do.
  }
}
