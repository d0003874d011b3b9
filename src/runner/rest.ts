/**
 * When runners whose commands have ended look for what is left and start their next shells: not while others of
 * the same burst of commands are still at work. It costs more than a short command does, and the look costs
 * the more the more processes there are.
 */

/** A command that has run for longer is no part of a burst. */
const burstMs = 200
/** Whoever waits to hear that nothing is left of a command waits this much longer at most. */
const longestMs = 100
/** So long those that have looked start nothing, where somebody else is to look. */
const heldMs = 100

/** What is told when it may go on, which is a runner. */
interface Resting {
  /** Resolves when it knows what is left; it starts nothing before `goOn`. */
  look(): Promise<void>
  goOn(): void
}

export class RunnerRest {
  readonly #isLookedAfter: boolean
  /** Those that run a command, with when it was given to them, by `performance.now()`. */
  readonly #busy = new Map<Resting, number>()
  readonly #resting = new Set<Resting>()
  readonly #looking = new Set<Resting>()
  #timer: NodeJS.Timeout | undefined
  #held: NodeJS.Timeout | undefined

  /**
   * Where it `isLookedAfter` somebody else looks after each command whether a process is younger than it, for a moment
   * or until `goOn`, and must not find the next shells.
   */
  constructor(isLookedAfter = false) {
    this.#isLookedAfter = isLookedAfter
  }

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
    for (const runner of this.#takeResting()) this.#looking.add(runner)
    this.goOn()
  }

  /** Those that look or have looked start their next shells. */
  goOn(): void {
    clearTimeout(this.#held)
    this.#held = undefined
    const all = [...this.#looking]
    this.#looking.clear()
    for (const runner of all) runner.goOn()
  }

  /** What one starts for its next command is no process that another has to look into. */
  #lookTogether(): void {
    const all = this.#takeResting()
    if (all.length < 2 && !this.#isLookedAfter) {
      for (const runner of all) runner.goOn()
      return
    }
    for (const runner of all) this.#looking.add(runner)
    const looks = all.map((runner) => runner.look())
    if (this.#isLookedAfter) {
      this.#held ??= setTimeout(() => this.goOn(), heldMs).unref()
      return
    }
    void Promise.all(looks).then(() => {
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
