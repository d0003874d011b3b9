import { setImmediate as nextTurn } from 'node:timers/promises'

/** Others get a turn at least so often. */
const turnMs = 8

/** How long work that awaits nothing goes on: somebody else is to be answered too. */
export class Turn {
  #ends = performance.now() + turnMs

  get isOver(): boolean {
    return performance.now() > this.#ends
  }

  /** Resolves when others have had theirs. */
  async next(): Promise<void> {
    await nextTurn()
    this.#ends = performance.now() + turnMs
  }
}
