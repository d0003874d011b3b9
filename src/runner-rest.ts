/**
 * When runners whose commands have ended look for what is left and start their next shells: not while others of
 * the same burst of commands are still at work. It costs more than a short command does, and the look costs
 * the more the more processes there are.
 */

/** A command that has run for longer is no part of a burst. */
const burstMs = 200
/** Whoever waits to hear that nothing is left of a command waits this much longer at most. */
const longestMs = 100

/** What is told when it may go on, which is a runner. */
interface Resting {
  /** Resolves when it knows what is left; it starts nothing before `goOn`. */
  look(): Promise<void>
  goOn(): void
}

export class RunnerRest {
  /** Those that run a command, with when it was given to them, by `performance.now()`. */
  readonly #busy = new Map<Resting, number>()
  readonly #resting = new Set<Resting>()
  readonly #looking = new Set<Resting>()
  #timer: NodeJS.Timeout | undefined

  /** It has been given a command. */
  began(runner: Resting): void {
    this.#busy.set(runner, performance.now())
  }

  /** Its command has ended. It goes on at once unless others are at work. */
  ended(runner: Resting): void {
    this.#busy.delete(runner)
    this.#resting.add(runner)
    if (this.#isBurst()) this.#timer ??= setTimeout(() => this.#lookTogether(), longestMs).unref()
    else this.#lookTogether()
  }

  /** It has ended itself, whatever it did. */
  lost(runner: Resting): void {
    this.#busy.delete(runner)
    this.#resting.delete(runner)
    this.#looking.delete(runner)
    if (!this.#isBurst()) this.#lookTogether()
  }

  /** All go on: somebody waits for one. */
  wake(): void {
    const all = [...this.#takeResting(), ...this.#looking]
    this.#looking.clear()
    for (const runner of all) runner.goOn()
  }

  /** What one starts for its next command is no process that another has to look into. */
  #lookTogether(): void {
    const all = this.#takeResting()
    if (all.length < 2) {
      for (const runner of all) runner.goOn()
      return
    }
    for (const runner of all) this.#looking.add(runner)
    void Promise.all(all.map((runner) => runner.look())).then(() => {
      for (const runner of all) if (this.#looking.delete(runner)) runner.goOn()
    })
  }

  #takeResting(): Resting[] {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const resting = [...this.#resting]
    this.#resting.clear()
    return resting
  }

  #isBurst(): boolean {
    const earliest = performance.now() - burstMs
    return [...this.#busy.values()].some((began) => began > earliest)
  }
}
