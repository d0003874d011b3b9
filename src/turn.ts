import { setImmediate as nextTurn } from 'node:timers/promises'

/** Others get a turn at least so often. */
const turnMs = 8

/** Between any two steps others may be answered. */
export type Steps<T> = Generator<void, T>

/** How long work that awaits nothing goes on: somebody else is to be answered too. */
export class Turn {
  #ends = performance.now() + turnMs

  get isOver(): boolean {
    return performance.now() > this.#ends
  }

  /** To be awaited between any two steps: others have theirs, where this one is over. */
  async share(): Promise<void> {
    if (this.isOver) await this.next()
  }

  /** Resolves when others have had theirs. */
  async next(): Promise<void> {
    await nextTurn()
    this.#ends = performance.now() + turnMs
  }
}

/** Takes the steps to their end, and lets others have their turns meanwhile. Throws `error()` on the signal. */
export async function inTurns<T>(
  steps: Steps<T>,
  signal: AbortSignal,
  error: () => Error,
): Promise<T> {
  const turn = new Turn()
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value
    if (!turn.isOver) continue
    await turn.next()
    if (signal.aborted) throw error()
  }
}

/** All of it in one go, for what is known to be small. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}
