/** The changes of host trees that go on: the process does not end in the middle of one. */

const unfinished = new Set<Promise<unknown>>()

/** The same promise, waited for until it settles. */
export function finished<T>(change: Promise<T>): Promise<T> {
  unfinished.add(change)
  const end = () => void unfinished.delete(change)
  change.then(end, end)
  return change
}

/** Resolves when none goes on. */
export async function allFinished(): Promise<void> {
  while (unfinished.size > 0) await Promise.allSettled(unfinished)
}
