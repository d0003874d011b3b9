/** The paths of several snapshots as one tree of directories. */
import { type TreePath, treeRoot } from '../../tree.ts'
import { Pace, type Steps } from '../slices.ts'
import { parentOf, type Snapshot, sameEntry } from '../snapshot.ts'

const none: readonly TreePath[] = []

/** What is directly below each path, in any of the snapshots it was made of. */
export class PathIndex {
  readonly #below = new Map<TreePath, TreePath[]>()

  static *of(snapshots: readonly Snapshot[]): Steps<PathIndex> {
    const index = new PathIndex()
    const pace = new Pace()
    for (const [i, snapshot] of snapshots.entries()) {
      const earlier = snapshots.slice(0, i)
      for (const path of snapshot.keys()) {
        if (pace.isDue) yield
        if (!earlier.some((other) => other.has(path))) index.#add(path)
      }
    }
    return index
  }

  #add(path: TreePath): void {
    const parent = parentOf(path)
    const siblings = this.#below.get(parent)
    if (siblings === undefined) this.#below.set(parent, [path])
    else siblings.push(path)
  }

  /** Paths of what is directly in `path`. */
  below(path: TreePath): readonly TreePath[] {
    return this.#below.get(path) ?? none
  }

  /** Every directory, or path that is one in some snapshot, that has something in it. */
  directories(): Iterable<TreePath> {
    return this.#below.keys()
  }

  /** Whether all that `one` holds at `path` and below is the same in `other`, which may hold more. */
  *within(path: TreePath, one: Snapshot, other: Snapshot, pace = new Pace()): Steps<boolean> {
    if (pace.isDue) yield
    const entry = one.get(path)
    if (entry !== undefined && !sameEntry(entry, other.get(path))) return false
    for (const inner of this.below(path)) {
      if (!(yield* this.within(inner, one, other, pace))) return false
    }
    return true
  }

  /** Whether two snapshots hold the same at `path` and below. */
  *same(path: TreePath, one: Snapshot, other: Snapshot, pace = new Pace()): Steps<boolean> {
    if (pace.isDue) yield
    if (path !== treeRoot && !sameEntry(one.get(path), other.get(path))) return false
    for (const inner of this.below(path)) {
      if (!(yield* this.same(inner, one, other, pace))) return false
    }
    return true
  }
}
