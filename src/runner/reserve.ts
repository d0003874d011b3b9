/** The runners of a session that wait for commands: as many as it has shown to need, and fewer when it is quiet. */

import { leastSpare, RunnerDemand } from './demand.ts'
import type { Runner } from './runner.ts'

/** Those that nobody has asked for in as long are let go. */
const quietMs = 30_000

export class RunnerReserve {
  /** The last used is the next. */
  readonly #idle: Runner[] = []
  readonly #demand = new RunnerDemand()
  #quiet: NodeJS.Timeout | undefined
  #isClosed = false

  /** How many wait; some of them may have ended. */
  get size(): number {
    return this.#idle.length
  }

  /** How many are to wait. */
  get wanted(): number {
    return this.#demand.spare
  }

  /** So many are asked for at once. */
  saw(count: number): void {
    this.#demand.saw(count)
  }

  put(runner: Runner): void {
    this.#idle.push(runner)
  }

  /** One that can be used; undefined when none waits. */
  take(): Runner | undefined {
    for (;;) {
      const runner = this.#idle.pop()
      if (runner === undefined || runner.group > 0) return runner
    }
  }

  /** To be called when those that were put here and are asked for have been taken: the rest is let go in a while. */
  settle(): void {
    if (this.#idle.length <= leastSpare || this.#isClosed) return
    this.#quiet ??= setTimeout(() => this.#letGo(), quietMs).unref()
  }

  /** There is no room for as many as were asked for. */
  forgetPeak(): void {
    this.#demand.forget()
    this.#releaseMore()
  }

  /** Those that wait stay as they are. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#quiet)
  }

  /** Lets go of those that nobody has asked for in a while. */
  #letGo(): void {
    this.#quiet = undefined
    this.#demand.turn()
    this.#releaseMore()
    this.settle()
  }

  #releaseMore(): void {
    const tooMany = Math.max(0, this.#idle.length - this.#demand.spare)
    for (const one of this.#idle.splice(0, tooMany)) one.release()
  }
}
