/** What of the sandbox's files the host needs for its changes, and which change each is for. */
import type { TreePath } from '../tree.ts'
import type { StagedFile } from './host/stage.ts'
import type { SyncChange } from './reconcile/reconcile.ts'
import type { ToldFile } from './sandbox/told-files.ts'
import { Pace, type Steps } from './slices.ts'

/** `bytes` is what all of it was when it was looked at. What that look has told is not to be fetched. */
export interface Wanted {
  readonly paths: ReadonlySet<TreePath>
  readonly told: ReadonlyMap<TreePath, ToldFile>
  readonly bytes: number
}

/** What a look knows of a file besides what a snapshot holds. */
export interface LookedAt {
  /** Bytes of a file of the sandbox. */
  readonly sizeOf: (path: TreePath) => number
  /** The file itself, where the look has told it. */
  readonly toldOf: (path: TreePath) => ToldFile | undefined
}

export function* wantedFor(
  changes: readonly SyncChange[],
  { sizeOf, toldOf }: LookedAt,
): Steps<Wanted> {
  const pace = new Pace()
  const paths = new Set<TreePath>()
  const told = new Map<TreePath, ToldFile>()
  let bytes = 0
  for (const change of changes) {
    if (pace.isDue) yield
    const path = sourceOf(change)
    if (paths.has(path) || told.has(path)) continue
    const file = toldOf(path)
    if (file === undefined) paths.add(path)
    else told.set(path, file)
    bytes += sizeOf(path)
  }
  return { paths, told, bytes }
}

/** A file that is staged once can be put in one place only; the next pass sees to another. */
export function* contentFor(
  changes: readonly SyncChange[],
  files: ReadonlyMap<TreePath, StagedFile>,
): Steps<Map<SyncChange, StagedFile>> {
  const pace = new Pace()
  const content = new Map<SyncChange, StagedFile>()
  const placed = new Set<TreePath>()
  for (const change of changes) {
    if (pace.isDue) yield
    const path = sourceOf(change)
    const file = files.get(path)
    if (file !== undefined && !placed.has(path)) content.set(change, file)
    placed.add(path)
  }
  return content
}

const sourceOf = ({ path, from }: SyncChange) => from?.path ?? path
