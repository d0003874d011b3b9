/** Work that is asked for many times in a row, and done once for all of them. */

/** When nobody has asked for so long, and at the latest so long after the first who did. */
const quietMs = 20
const longestMs = 200

export class SoonOnce {
  readonly #work: () => void
  #timer: NodeJS.Timeout | undefined
  #firstMs = 0

  constructor(work: () => void) {
    this.#work = work
  }

  /** The work begins soon, and after the one who asks has gone on. It keeps no process alive. */
  ask(): void {
    const nowMs = performance.now()
    if (this.#timer === undefined) this.#firstMs = nowMs
    clearTimeout(this.#timer)
    const left = this.#firstMs + longestMs - nowMs
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#work()
      },
      Math.max(0, Math.min(quietMs, left)),
    ).unref()
  }
}
