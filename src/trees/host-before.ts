/** What is where a change of the host's files leads, of which it tells what it relied on. */
import { lstatSync, type Stats } from 'node:fs'
import { type Change, readLimitBytes } from '../tree.ts'
import { errnoOf } from './host-failure.ts'
import { digestOfFile, withFile } from './host-file.ts'
import type { Directory, HostWalk, Place } from './host-walk.ts'

export interface Found {
  /** Of the content that `before` speaks about; undefined when there is none. */
  readonly digest: string | undefined
  /** The file that was read, as it was before that; undefined for one that is reached in another way than by `at`. */
  readonly file?: { readonly at: string; readonly stats: Stats }
}

/** `directory` is where the change is made, which may have been made for it below the one of `place`. */
export function contentFound(
  walk: HostWalk,
  step: { readonly change: Change; readonly place: Place; readonly directory: Directory },
): Found {
  const { change, place, directory } = step
  const isLink = place.entry?.isSymbolicLink() === true
  let at = { directory, name: place.name }
  if (isLink) {
    const target = walk.resolve(change.path)
    if (target.entry === undefined) return { digest: undefined }
    at = target
  } else if (directory === place.directory && place.missing.length > 0) return { digest: undefined }
  walk.confirm(at.directory, change.path)
  const path = at.directory.at(at.name)
  if (change.before === 'absent') {
    return { digest: lookAt(path) && 'something' }
  }
  try {
    return withFile(path, (file) => {
      const { stats } = file
      if (!stats.isFile()) return { digest: 'no file' }
      // Nobody has read such a file whole: to hash it would hold up everybody to no avail.
      if (stats.size > readLimitBytes) return { digest: 'too large' }
      const digest = digestOfFile(file)
      return isLink ? { digest } : { digest, file: { at: path, stats } }
    })
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { digest: undefined }
    if (errnoOf(error) === 'ELOOP') return { digest: 'a link that came between' }
    throw error
  }
}

/** Whether what is there is that file, and nobody has written to it since; false where that is not known. */
export function isUntouched(found: Found | undefined): boolean {
  const file = found?.file
  const now = file && lookAt(file.at)
  if (file === undefined || now === undefined) return false
  const facts = ({ dev, ino, size, mtimeMs }: Stats) => `${dev}:${ino} ${size} ${mtimeMs}`
  return facts(now) === facts(file.stats)
}

function lookAt(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}
