/** Progress notifications of one call: what is new, a few times a second, and a sign of life. */

/** Fewer than clients can draw. */
const intervalMs = 250
/** Clients reset their timeouts at each notification; the shortest common one is a minute. */
const heartbeatMs = 5_000
const messageLimit = 500

export type SendProgress = (progress: number, message: string) => void

export class Progress {
  readonly #send: SendProgress
  readonly #started = Date.now()
  #heartbeat: NodeJS.Timeout | undefined
  #timer: NodeJS.Timeout | undefined
  #next: { done: number; message: string } | undefined
  #lastSent = 0
  #lastMs = 0
  #stopped = false

  constructor(send: SendProgress) {
    this.#send = send
    this.#expectSilence()
  }

  /** Sent soon, unless something newer comes first. */
  tell(done: number, message: string): void {
    if (this.#stopped) return
    this.#next = { done, message }
    if (this.#timer !== undefined) return
    const wait = Math.max(0, this.#lastMs + intervalMs - Date.now())
    this.#timer = setTimeout(() => this.#flush(), wait)
    this.#timer.unref()
  }

  /** Nothing is sent afterwards: the result ends a call's progress. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#heartbeat)
    clearTimeout(this.#timer)
  }

  #flush(): void {
    this.#timer = undefined
    const next = this.#next
    if (next === undefined) return
    this.#next = undefined
    this.#emit(next.done, next.message)
  }

  #emit(done: number, message: string): void {
    // The protocol wants the number to grow with every notification.
    this.#lastSent = done > this.#lastSent ? done : this.#lastSent + 1
    this.#lastMs = Date.now()
    this.#send(this.#lastSent, message.slice(0, messageLimit).toWellFormed())
    this.#expectSilence()
  }

  #expectSilence(): void {
    clearTimeout(this.#heartbeat)
    this.#heartbeat = setTimeout(() => {
      this.#emit(0, `running for ${Math.round((Date.now() - this.#started) / 1000)} s`)
    }, heartbeatMs)
    this.#heartbeat.unref()
  }
}
