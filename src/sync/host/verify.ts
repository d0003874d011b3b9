/**
 * Whether the host still holds what a plan relies on. A small file is read in the very turn in which it is
 * replaced. A large one is read ahead of it, in slices, and in the turn its facts must be what they were.
 */
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, lstatSync, readlinkSync, type Stats } from 'node:fs'
import { chunks, digestOfFile, openFile, withFile } from '../../trees/host-file.ts'
import { inSlices, type Steps } from '../slices.ts'
import type { Entry } from '../snapshot.ts'
import { isSettled } from './digest-cache.ts'

/** What is no more than this is read within a turn. */
const smallBytes = 128 * 1024

/** A large file as it was read. */
export interface ReadAhead {
  readonly digest: string
  readonly stats: Stats
}

/** What a change relies on, where it is no directory. */
export type Replaced = Exclude<Entry, { readonly kind: 'directory' }>

/**
 * Reads what is at `place` if it is large. Undefined for anything else, and where the facts say nothing about
 * the content: it changes, or has changed so lately that one more change could leave the same. `moved` is told
 * of the bytes. `CANCELLED` on the signal.
 */
export async function readAhead(
  place: string,
  moved: (bytes: number) => void,
  signal: AbortSignal,
): Promise<ReadAhead | undefined> {
  const stats = lstatSync(place, { throwIfNoEntry: false })
  if (!stats?.isFile() || stats.size <= smallBytes) return undefined
  return inSlices(readWhole(place, moved), signal)
}

function* readWhole(place: string, moved: (bytes: number) => void): Steps<ReadAhead | undefined> {
  const startedMs = Date.now()
  const file = openFile(place)
  try {
    const { stats } = file
    if (!stats.isFile() || !isSettled(stats, startedMs)) return undefined
    const hash = createHash('sha256')
    for (const chunk of chunks(file)) {
      hash.update(chunk)
      moved(chunk.length)
      yield
    }
    const isAsItWas = areSameFacts(stats, fstatSync(file.descriptor))
    return isAsItWas ? { digest: hash.digest('hex'), stats } : undefined
  } finally {
    closeSync(file.descriptor)
  }
}

/** The facts of what is at `place` while it is `before`; undefined when it is not, or that is not known. */
export function verified(
  place: string,
  before: Replaced,
  ahead: ReadAhead | undefined,
): Stats | undefined {
  if (before.kind === 'link') {
    const stats = lstatSync(place)
    return stats.isSymbolicLink() && readlinkSync(place) === before.target ? stats : undefined
  }
  return withFile(place, (file) => {
    const { stats, descriptor } = file
    if (!stats.isFile()) return undefined
    if (stats.size > smallBytes) {
      const isKnown = ahead?.digest === before.digest && areSameFacts(ahead.stats, stats)
      return isKnown ? stats : undefined
    }
    return digestOfFile(file) === before.digest ? fstatSync(descriptor) : undefined
  })
}

/** Whether nobody has written to it meanwhile. A name more or less of it is no change. */
export function isSame(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.size === other.size && one.mtimeMs === other.mtimeMs
}

/** Whether nothing at all was done to it: the ctime cannot be set back. */
function areSameFacts(one: Stats, other: Stats): boolean {
  return isSame(one, other) && one.dev === other.dev && one.ctimeMs === other.ctimeMs
}
