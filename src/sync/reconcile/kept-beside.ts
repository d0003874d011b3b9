/** The sandbox's version of what both sides changed: kept on both, under a name beside the host's. */
import type { TreePath } from '../../tree.ts'
import { Pace, type Steps } from '../slices.ts'
import { type Entry, type Problem, sameEntry } from '../snapshot.ts'
import { conflictPaths } from './conflict-name.ts'
import type { PathIndex } from './path-index.ts'
import type { SyncChange } from './reconcile.ts'
import type { Found } from './unsyncable.ts'

export class KeptBeside {
  /** To be made on both sides. */
  readonly copies: SyncChange[] = []
  readonly #found: Found
  readonly #index: PathIndex
  readonly #problems: ReadonlyMap<TreePath, Problem>
  readonly #agreed: Map<TreePath, Entry>
  readonly #pace = new Pace()

  /** `agreed` is all else that both sides will hold; what is kept is added to it. */
  constructor(
    found: Found,
    index: PathIndex,
    problems: ReadonlyMap<TreePath, Problem>,
    agreed: Map<TreePath, Entry>,
  ) {
    this.#found = found
    this.#index = index
    this.#problems = problems
    this.#agreed = agreed
  }

  /** Where what the sandbox has at `path` is kept. */
  *keep(path: TreePath): Steps<TreePath> {
    const sandbox = this.#found.sandbox.snapshot
    for (const kept of conflictPaths(path, sandbox, this.#index)) {
      if (yield* this.#holds(kept, path)) return kept
      if (this.#isTaken(kept)) continue
      yield* this.#copy(path, kept)
      return kept
    }
    throw new Error('names for conflicts have an end')
  }

  /** Whether `kept` is agreed to be what the sandbox has at `path`, because an earlier pass made it. */
  *#holds(kept: TreePath, path: TreePath): Steps<boolean> {
    if (this.#pace.isDue) yield
    const sandbox = this.#found.sandbox.snapshot
    const entry = sandbox.get(path)
    if (!sameEntry(this.#agreed.get(kept), entry)) return false
    if (entry?.kind !== 'directory') return true
    for (const inner of this.#index.below(path)) {
      const inside = (kept + inner.slice(path.length)) as TreePath
      if (sandbox.has(inner) && !(yield* this.#holds(inside, inner))) return false
    }
    return true
  }

  #isTaken(path: TreePath): boolean {
    const { host, sandbox, ancestor } = this.#found
    return (
      this.#problems.has(path) ||
      [host.snapshot, sandbox.snapshot, ancestor, this.#agreed].some((paths) => paths.has(path))
    )
  }

  /** Makes a copy, on both sides, of what the sandbox has at `path`. */
  *#copy(path: TreePath, kept: TreePath): Steps<void> {
    if (this.#pace.isDue) yield
    const entry = this.#found.sandbox.snapshot.get(path)
    if (entry === undefined) return
    this.#agreed.set(kept, entry)
    const from = entry.kind === 'file' ? { from: { side: 'sandbox', path } as const } : {}
    this.copies.push({ path: kept, before: undefined, after: entry, ...from })
    for (const inner of this.#index.below(path)) {
      yield* this.#copy(inner, (kept + inner.slice(path.length)) as TreePath)
    }
  }
}
