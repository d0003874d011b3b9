/** Directories that were to go or to come and could not, because something is there that no look has told of. */
import type { TreePath } from '../tree.ts'
import type { Unmade } from './host/apply.ts'
import type { SyncChange } from './reconcile/reconcile.ts'
import { Pace, type Steps } from './slices.ts'
import { parentOf } from './snapshot.ts'

/** Why changes were refused of which the system says no more than that a directory is, or is not, in the way. */
const reasons = {
  below: 'something in it could not be deleted',
  inTheWay: 'the directory in its place holds what is left out of the sync',
  hidden: 'what is in its place is left out of the sync',
} as const

/** Why what was to come into a directory that was refused is; that is told of the directory. */
export const unreached = 'the directory it is in could not be made'

/**
 * The same with what becomes of the `full` ones. One with something in it that was not made waits for that; what was
 * to take the place of one is refused. Those that are `full` still hold what is left out, or what has come meanwhile.
 * Nor does another pass help a directory where a file is that `hidesFile` says nobody sees, or what is in one that is refused.
 */
export function* judged(
  changes: readonly SyncChange[],
  unmade: Unmade,
  hidesFile: (path: TreePath) => boolean,
): Steps<Unmade> {
  if (unmade.full.size + unmade.stale.size + unmade.refused.size === 0) return unmade
  const pace = new Pace()
  const stale = new Set<TreePath>()
  const refused = new Map(unmade.refused)
  const missing = new Set<TreePath>()
  for (const { path, before, after } of changes) {
    if (pace.isDue) yield
    const isStale = unmade.stale.has(path) && !unmade.full.has(path)
    const isUnmade = isStale || refused.has(path)
    if (isUnmade && missing.has(parentOf(path))) refused.set(path, unreached)
    else if (isStale && before === undefined && after?.kind === 'directory' && hidesFile(path)) {
      refused.set(path, reasons.hidden)
    } else if (isStale) stale.add(path)
    if (after?.kind === 'directory' && refused.has(path)) missing.add(path)
  }
  if (unmade.full.size === 0) return { stale, refused, full: unmade.full }
  const full = new Set<TreePath>()
  const [aboveStale, aboveRefused] = [yield* above(stale), yield* above(refused.keys())]
  for (const { path, after } of changes) {
    if (pace.isDue) yield
    if (!unmade.full.has(path)) continue
    if (aboveStale.has(path)) stale.add(path)
    else if (aboveRefused.has(path)) refused.set(path, reasons.below)
    else if (after !== undefined) refused.set(path, reasons.inTheWay)
    else full.add(path)
  }
  return { stale, refused, full }
}

/** The directories that they are in. */
function* above(paths: Iterable<TreePath>): Steps<ReadonlySet<TreePath>> {
  const pace = new Pace()
  const directories = new Set<TreePath>()
  for (const path of paths) {
    if (pace.isDue) yield
    for (let at = parentOf(path); at !== '' && !directories.has(at); at = parentOf(at)) {
      directories.add(at)
    }
  }
  return directories
}
