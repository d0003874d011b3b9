/** Requests about one thing, answered in the order in which they came: the later one counts. */
export class InTurn {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Runs when all that was asked about `key` before has ended, however it did. */
  async run<T>(key: string, run: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const mine = before === undefined ? run() : before.then(run, run)
    this.#last.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key)
    }
  }
}
