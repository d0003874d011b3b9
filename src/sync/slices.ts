/**
 * Work that takes long in a large workspace, in slices: others run in between, and a signal ends it. What is
 * decided stays a plain function of its input; only when it goes on is seen to here.
 */
import { setImmediate } from 'node:timers/promises'
import { cancelled } from '../errors.ts'
import { atOnce, type Steps } from '../turn.ts'

export { atOnce, type Steps }

/** How long others may have to wait. */
const sliceMs = 15
/** So many entries are seen to between two looks at the clock. */
const entriesPerStep = 256
/** What is sorted in one go. */
const sortedAtOnce = 4096

/** `CANCELLED` on the signal; what the steps hold open is closed then too. */
export async function inSlices<T>(steps: Steps<T>, signal?: AbortSignal): Promise<T> {
  try {
    let until = performance.now() + sliceMs
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done) return step.value
      if (performance.now() < until) continue
      await setImmediate()
      if (signal?.aborted) throw cancelled('the sync')
      until = performance.now() + sliceMs
    }
  } finally {
    steps.return(undefined as never)
  }
}

/** For work that waits for no event of its own: lets others run when the slice that began at `since` is over. */
export async function betweenSlices(since: number): Promise<number> {
  if (performance.now() < since + sliceMs) return since
  await setImmediate()
  return performance.now()
}

/** Says when a loop over entries is to make a step. */
export class Pace {
  #count = 0

  get isDue(): boolean {
    this.#count += 1
    return this.#count % entriesPerStep === 0
  }
}

/** A copy. */
export function* copied<K, V>(map: ReadonlyMap<K, V>): Steps<Map<K, V>> {
  const copy = new Map<K, V>()
  const pace = new Pace()
  for (const [key, value] of map) {
    copy.set(key, value)
    if (pace.isDue) yield
  }
  return copy
}

/** `one` and, where they differ, `other`. */
export function* united<K, V>(
  one: ReadonlyMap<K, V>,
  other: ReadonlyMap<K, V>,
): Steps<ReadonlyMap<K, V>> {
  if (one.size === 0) return other
  const all = yield* copied(one)
  const pace = new Pace()
  for (const [key, value] of other) {
    all.set(key, value)
    if (pace.isDue) yield
  }
  return all
}

/** What each comes to as text, one after another. */
export function* bytesOf<T>(items: Iterable<T>, textOf: (item: T) => string): Steps<Buffer> {
  const pieces: Buffer[] = []
  const pace = new Pace()
  let text = ''
  for (const item of items) {
    text += textOf(item)
    if (!pace.isDue) continue
    pieces.push(Buffer.from(text))
    text = ''
    yield
  }
  return Buffer.concat([...pieces, Buffer.from(text)])
}

/** Those of which it holds. */
export function* chosen<T>(items: Iterable<T>, holds: (item: T) => boolean): Steps<T[]> {
  const some: T[] = []
  const pace = new Pace()
  for (const item of items) {
    if (holds(item)) some.push(item)
    if (pace.isDue) yield
  }
  return some
}

/** A sorted copy, by a key that each has; of equal ones the order stays. */
export function* sorted<T>(items: Iterable<T>, keyOf: (item: T) => string): Steps<T[]> {
  const pace = new Pace()
  let keyed: Keyed<T>[] = []
  for (const item of items) {
    keyed.push({ key: keyOf(item), item })
    if (pace.isDue) yield
  }
  let runs: Keyed<T>[][] = []
  for (let at = 0; at < keyed.length; at += sortedAtOnce) {
    runs.push(keyed.slice(at, at + sortedAtOnce).sort(byKey))
    yield
  }
  while (runs.length > 1) {
    const merged: Keyed<T>[][] = []
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(yield* merge(runs[at] ?? [], runs[at + 1] ?? [], pace))
    }
    runs = merged
  }
  keyed = runs[0] ?? []
  const all: T[] = []
  for (const { item } of keyed) {
    all.push(item)
    if (pace.isDue) yield
  }
  return all
}

interface Keyed<T> {
  readonly key: string
  readonly item: T
}

const byKey = (a: Keyed<unknown>, b: Keyed<unknown>) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)

function* merge<T>(one: Keyed<T>[], other: Keyed<T>[], pace: Pace): Steps<Keyed<T>[]> {
  const all: Keyed<T>[] = []
  for (let i = 0, j = 0; ; ) {
    const [left, right] = [one[i], other[j]]
    if (left === undefined && right === undefined) return all
    if (right === undefined || (left !== undefined && left.key <= right.key)) {
      all.push(left as Keyed<T>)
      i += 1
    } else {
      all.push(right)
      j += 1
    }
    if (pace.isDue) yield
  }
}
