/** Whether a sandbox can be done without. */
import type { TreePath } from '../tree.ts'
import { Pace, type Steps } from './slices.ts'
import {
  type Problem,
  parentOf,
  reasons,
  type Scan,
  type Snapshot,
  sameEntry,
  sameSnapshot,
} from './snapshot.ts'

/**
 * Whether the host, as is `agreed` on, has all that the sandbox holds, but for what of `left` has nothing to lose.
 *
 * A FIFO or a socket holds nothing that could be brought anywhere. Nor does a link that leads out: what it says
 * can be said again by whoever has been told of it, and what the host has there stays. Nor does an empty directory
 * that stands for one of the host that may not be read.
 */
export function* isAllIn(
  agreed: Snapshot,
  { snapshot, problems }: Scan,
  left: readonly Problem[],
): Steps<boolean> {
  const isEmpty = ({ side, reason }: Problem) => side === 'host' || reason === reasons.special
  if (!problems.every(isEmpty)) return false
  const links = pathsOf(left.filter(({ reason }) => reason === reasons.leadsOut))
  const unread = pathsOf(
    left.filter(({ side, reason }) => side === 'host' && reason === reasons.denied),
  )
  if (links.size + unread.size === 0) return yield* sameSnapshot(agreed, snapshot)
  const pace = new Pace()
  for (const [path, entry] of snapshot) {
    if (pace.isDue) yield
    if (links.has(path) || (unread.has(path) && entry.kind === 'directory')) continue
    if (!sameEntry(entry, agreed.get(path))) return false
  }
  for (const path of agreed.keys()) {
    if (pace.isDue) yield
    if (!snapshot.has(path) && !isBelow(path, links)) return false
  }
  return true
}

const pathsOf = (problems: readonly Problem[]): ReadonlySet<TreePath> =>
  new Set(problems.map(({ path }) => path))

function isBelow(path: TreePath, links: ReadonlySet<TreePath>): boolean {
  for (let at = parentOf(path); at !== ''; at = parentOf(at)) if (links.has(at)) return true
  return false
}
