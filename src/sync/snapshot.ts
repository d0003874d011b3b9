/** What a tree held at one moment, and what of it could not be told or cannot be kept in step. */
import type { TreePath } from '../tree.ts'
import { Pace, type Steps } from './slices.ts'

/** What is at a path. A digest is `digestOf` the file's bytes; a target is as the link spells it. */
export type Entry =
  | { readonly kind: 'file'; readonly digest: string; readonly executable: boolean }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'directory' }

/** Every entry but the tree's own directory. The directory an entry is in is always there too. */
export type Snapshot = ReadonlyMap<TreePath, Entry>

export type Side = 'host' | 'sandbox'

/** A path that is left alone on both sides, with all below it, and why. */
export interface Problem {
  readonly path: TreePath
  /** Where what cannot be synced is. */
  readonly side: Side
  readonly reason: string
}

/** One side as it was found. What a problem names is not in the snapshot, and is not gone either. */
export interface Scan {
  readonly snapshot: Snapshot
  readonly problems: readonly Problem[]
}

/** Why a path is left alone. */
export const reasons = {
  newline: 'its name or its target holds a newline',
  notUtf8: 'its name or its target is not UTF-8',
  special: 'it is neither a file, a directory nor a link',
  denied: 'it could not be read: permission denied',
  failed: 'it could not be read',
  unsettled: 'it kept changing while it was read',
  leadsOut: 'it is a link that leads out of the workspace',
  caseOnly:
    'its name differs from another only by case or accents, which the host cannot tell apart',
  below: 'something below it cannot be synced',
  refused: 'it could not be written',
} as const

/** Undefined is nothing at all, and equals itself. */
export function sameEntry(one: Entry | undefined, other: Entry | undefined): boolean {
  if (one === other) return true
  if (one === undefined || other === undefined) return false
  if (one.kind === 'file') {
    if (other.kind !== 'file') return false
    return one.digest === other.digest && one.executable === other.executable
  }
  if (one.kind === 'link') return other.kind === 'link' && one.target === other.target
  return other.kind === 'directory'
}

/** Whether two hold the same everywhere. */
export function* sameSnapshot(one: Snapshot, other: Snapshot): Steps<boolean> {
  if (one === other) return true
  if (one.size !== other.size) return false
  const pace = new Pace()
  for (const [path, entry] of one) {
    if (!sameEntry(entry, other.get(path))) return false
    if (pace.isDue) yield
  }
  return true
}

/** The same for all that was found, problems too. */
export function* sameScan(one: Scan, other: Scan): Steps<boolean> {
  if (one === other) return true
  const differ =
    one.problems.length + other.problems.length > 0 && !sameProblems(one.problems, other.problems)
  return differ ? false : yield* sameSnapshot(one.snapshot, other.snapshot)
}

function sameProblems(one: readonly Problem[], other: readonly Problem[]): boolean {
  const words = (problems: readonly Problem[]) =>
    problems.map(({ path, reason }) => `${path}\0${reason}`).sort()
  return words(one).join('\n') === words(other).join('\n')
}

/** The directory that `path` is in. */
export function parentOf(path: TreePath): TreePath {
  return path.slice(0, Math.max(0, path.lastIndexOf('/'))) as TreePath
}
