/** How many runners are to wait for commands: as many as were asked for at once in the last while. */

/** How many wait once it has been quiet for a while, and how many at most after many ran at once. */
export const leastSpare = 2
const mostSpare = 32

export class RunnerDemand {
  /** The most that were asked for at once: in this while, and in the one before. */
  #peak = 0
  #earlierPeak = 0

  get spare(): number {
    return Math.min(mostSpare, Math.max(leastSpare, this.#peak, this.#earlierPeak))
  }

  /** So many are asked for at once. */
  saw(count: number): void {
    this.#peak = Math.max(this.#peak, count)
  }

  /** Another while begins. */
  turn(): void {
    this.#earlierPeak = this.#peak
    this.#peak = 0
  }

  forget(): void {
    this.#peak = 0
    this.#earlierPeak = 0
  }
}
