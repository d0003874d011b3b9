/** Directories that were to go and could not, because something is in them that no look has told of. */
import type { TreePath } from '../tree.ts'
import type { Unmade } from './host-apply.ts'
import type { SyncChange } from './reconcile.ts'
import { Pace, type Steps } from './slices.ts'
import { parentOf } from './snapshot.ts'

/** Why changes were refused of which the system says no more than that a directory is not empty. */
const reasons = {
  below: 'something in it could not be deleted',
  inTheWay: 'the directory in its place holds what is left out of the sync',
} as const

/**
 * The same with what becomes of the `full` ones. One with something in it that was not made waits for that; what was
 * to take the place of one is refused. Those that are `full` still hold what is left out, or what has come meanwhile.
 */
export function* judged(changes: readonly SyncChange[], unmade: Unmade): Steps<Unmade> {
  if (unmade.full.size === 0) return unmade
  const pace = new Pace()
  const stale = new Set<TreePath>()
  for (const path of unmade.stale) {
    if (pace.isDue) yield
    if (!unmade.full.has(path)) stale.add(path)
  }
  const [refused, full] = [new Map(unmade.refused), new Set<TreePath>()]
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
