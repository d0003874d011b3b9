/** The paths of several snapshots as one tree of directories. */
import { type TreePath, treeRoot } from '../tree.ts'
import { parentOf, type Snapshot, sameEntry } from './snapshot.ts'

const none: readonly TreePath[] = []

/** What is directly below each path, in any of the snapshots it was made of. */
export class PathIndex {
  readonly #below = new Map<TreePath, TreePath[]>()

  constructor(snapshots: readonly Snapshot[]) {
    snapshots.forEach((snapshot, i) => {
      const earlier = snapshots.slice(0, i)
      for (const path of snapshot.keys()) {
        if (earlier.some((other) => other.has(path))) continue
        const parent = parentOf(path)
        const siblings = this.#below.get(parent)
        if (siblings === undefined) this.#below.set(parent, [path])
        else siblings.push(path)
      }
    })
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
  within(path: TreePath, one: Snapshot, other: Snapshot): boolean {
    const entry = one.get(path)
    if (entry !== undefined && !sameEntry(entry, other.get(path))) return false
    return this.below(path).every((inner) => this.within(inner, one, other))
  }

  /** Whether two snapshots hold the same at `path` and below. */
  same(path: TreePath, one: Snapshot, other: Snapshot): boolean {
    if (path !== treeRoot && !sameEntry(one.get(path), other.get(path))) return false
    return this.below(path).every((inner) => this.same(inner, one, other))
  }
}
