/** The names in a directory of the host, each with its kind. */
import { type Dirent, fstatSync, lstatSync, opendirSync, readdirSync } from 'node:fs'
import type { Steps } from '../slices.ts'

/** A longer list is read in pieces: in one, a million names take a second. */
const shortListBytes = 256 * 1024
const namesAtOnce = 1024

/** Of the directory that `descriptor` holds open and `at` leads to. Throws what the system says. */
export function* namesIn(descriptor: number, at: string): Steps<Dirent[]> {
  const isShort = fstatSync(descriptor).size <= shortListBytes
  const entries = isShort ? readdirSync(at, { withFileTypes: true }) : yield* inPieces(at)
  // Of one that may be read and not searched, the names are all that can be told.
  if (entries.length > 0) lstatSync(`${at}/.`)
  return entries
}

function* inPieces(at: string): Steps<Dirent[]> {
  const directory = opendirSync(at, { bufferSize: namesAtOnce })
  try {
    const entries: Dirent[] = []
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      entries.push(entry)
      if (entries.length % namesAtOnce === 0) yield
    }
    return entries
  } finally {
    directory.closeSync()
  }
}
