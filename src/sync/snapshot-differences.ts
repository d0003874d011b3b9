/**
 * Where two snapshots differ at most, as long as it is known: who makes one of another knows it, and whoever
 * compares them later need not look at what is the same.
 */
import type { TreePath } from '../tree.ts'
import type { Snapshot } from './snapshot.ts'

interface Difference {
  /** It does not keep the other one. */
  readonly other: WeakRef<Snapshot>
  readonly paths: ReadonlySet<TreePath>
}

/** Between two that are compared there are no more than so many others. */
const mostSteps = 4
/** More paths are not kept. */
const mostPaths = 1_000

const known = new WeakMap<Snapshot, Difference[]>()

/** `one` and `other` hold the same but at `paths`, or at some of them. */
export function noteDifference(one: Snapshot, other: Snapshot, paths: Iterable<TreePath>): void {
  if (one === other) return
  const some = new Set<TreePath>()
  for (const path of paths) {
    some.add(path)
    if (some.size > mostPaths) return
  }
  note(one, other, some)
  note(other, one, some)
}

function note(one: Snapshot, other: Snapshot, paths: ReadonlySet<TreePath>): void {
  const there = (known.get(one) ?? []).filter(({ other }) => other.deref() !== undefined)
  known.set(one, [...there, { other: new WeakRef(other), paths }])
}

/** The only paths at which the two may hold different things; undefined when that is not known. */
export function knownDifference(one: Snapshot, other: Snapshot): ReadonlySet<TreePath> | undefined {
  let reached = new Map<Snapshot, ReadonlySet<TreePath>>([[one, new Set()]])
  const seen = new Set([one])
  for (let step = 0; step <= mostSteps; step++) {
    const found = reached.get(other)
    if (found !== undefined) return found
    const next = new Map<Snapshot, ReadonlySet<TreePath>>()
    for (const [snapshot, paths] of reached) {
      for (const difference of known.get(snapshot) ?? []) {
        const neighbour = difference.other.deref()
        if (neighbour === undefined || seen.has(neighbour)) continue
        seen.add(neighbour)
        next.set(neighbour, new Set([...paths, ...difference.paths]))
      }
    }
    reached = next
  }
  return undefined
}
