/**
 * The decision of `reconcile` where both sides held what was agreed on and little has changed since: what has
 * not changed needs none. Pure, and in steps.
 */
import { type TreePath, treeRoot } from '../../tree.ts'
import { copied, Pace, type Steps } from '../slices.ts'
import {
  type Entry,
  parentOf,
  type Scan,
  type Side,
  type Snapshot,
  sameEntry,
  sameScan,
} from '../snapshot.ts'
import { knownDifference, noteDifference } from '../snapshot-differences.ts'
import { type Plan, reconcile } from './reconcile.ts'
import type { Found } from './unsyncable.ts'

/** After more changes than this all is decided. */
const fewChanges = 1_000

type Sides = Readonly<Record<Side, Scan>>

/** Whether both sides hold the same, problems too. */
export function* areSame(before: Sides, now: Sides): Steps<boolean> {
  return (yield* sameScan(before.host, now.host)) && (yield* sameScan(before.sandbox, now.sandbox))
}

/** Paths at which either side holds something else `now`; undefined for many, and where there are problems. */
export function* changesSince(before: Sides, now: Sides): Steps<Set<TreePath> | undefined> {
  const changed = new Set<TreePath>()
  for (const side of ['host', 'sandbox'] as const) {
    if (before[side].problems.length + now[side].problems.length > 0) return undefined
    if (!(yield* addChanges(before[side].snapshot, now[side].snapshot, changed))) return undefined
  }
  return changed
}

/** False for many. */
function* addChanges(before: Snapshot, now: Snapshot, changed: Set<TreePath>): Steps<boolean> {
  if (before === now) return true
  const different = knownDifference(before, now)
  if (different !== undefined) {
    for (const path of different) {
      if (!sameEntry(before.get(path), now.get(path))) changed.add(path)
    }
    return changed.size <= fewChanges
  }
  const pace = new Pace()
  let inBoth = 0
  for (const [path, entry] of now) {
    if (pace.isDue) yield
    const was = before.get(path)
    if (was !== undefined) inBoth += 1
    if (!sameEntry(was, entry)) changed.add(path)
    if (changed.size > fewChanges) return false
  }
  if (inBoth === before.size) return true
  for (const path of before.keys()) {
    if (pace.isDue) yield
    if (!now.has(path)) changed.add(path)
    if (changed.size > fewChanges) return false
  }
  return true
}

/**
 * What `reconcile` decides, where all three of `found` hold the same but at the `changed` paths. Undefined
 * where that takes more than a look at those: names that are taken, links that lead through others.
 */
export function* reconcileChanged(
  found: Found,
  changed: ReadonlySet<TreePath>,
): Steps<Plan | undefined> {
  const { host, sandbox, ancestor } = found
  if (found.hostFoldsCase || host.problems.length + sandbox.problems.length > 0) return undefined
  // What is in a directory that is not one on all sides has changed with it, so these are whole trees.
  const near = new Set<TreePath>()
  for (const path of changed) {
    const entry = sandbox.snapshot.get(path)
    if (entry?.kind === 'link' && !sameEntry(entry, host.snapshot.get(path))) return undefined
    for (let at = path; at !== treeRoot && !near.has(at); at = parentOf(at)) near.add(at)
  }
  const only = (snapshot: Snapshot): Snapshot => {
    const some = new Map<TreePath, Entry>()
    for (const path of near) {
      const entry = snapshot.get(path)
      if (entry !== undefined) some.set(path, entry)
    }
    return some
  }
  const plan = yield* reconcile({
    ...found,
    host: { snapshot: only(host.snapshot), problems: [] },
    sandbox: { snapshot: only(sandbox.snapshot), problems: [] },
    ancestor: only(ancestor),
  })
  if (plan.conflicts.length + plan.problems.length > 0) return undefined
  // Where one side alone has changed, what it holds is agreed on.
  const isAgreed = (held: Snapshot) =>
    [...near].every((path) => sameEntry(held.get(path), plan.agreed.get(path)))
  const held = [ancestor, sandbox.snapshot, host.snapshot].find(isAgreed)
  const agreed = held ?? (yield* withChanges(ancestor, plan.agreed, near))
  noteDifference(ancestor, agreed, near)
  return { ...plan, agreed }
}

/**
 * Every path at which a plan may agree on another thing than what was agreed on, where only `changed` has changed
 * since: what is kept of a conflict is made where nothing was.
 */
export function withPlanned(
  changed: ReadonlySet<TreePath>,
  { toHost, toSandbox }: Plan,
): ReadonlySet<TreePath> {
  const all = new Set(changed)
  for (const changes of [toHost, toSandbox]) for (const { path } of changes) all.add(path)
  return all
}

/** `before` with what `after` holds at `paths`. */
function* withChanges(
  before: Snapshot,
  after: Snapshot,
  paths: ReadonlySet<TreePath>,
): Steps<Snapshot> {
  const all = yield* copied(before)
  for (const path of paths) {
    const entry = after.get(path)
    if (entry === undefined) all.delete(path)
    else all.set(path, entry)
  }
  return all
}
