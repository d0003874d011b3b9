/**
 * Progress notifications of one call: what is new, a few times a second, and a sign of life. A client that
 * does not read is sent no second one: what comes in the meantime is the newest when it reads again.
 */

/** Fewer than clients can draw. */
const intervalMs = 250
/** Clients reset their timeouts at each notification; the shortest common one is a minute. */
const heartbeatMs = 5_000
const messageLimit = 500

/** Settles when the client's end has taken it. */
export type SendProgress = (progress: number, message: string) => Promise<void>

export class Progress {
  readonly #send: SendProgress
  readonly #started = Date.now()
  #heartbeat: NodeJS.Timeout | undefined
  #timer: NodeJS.Timeout | undefined
  #next: { done: number; message: () => string } | undefined
  #lastSent = 0
  #lastMs = 0
  #sending = false
  #stopped = false

  constructor(send: SendProgress) {
    this.#send = send
    this.#expectSilence()
  }

  /** Sent soon, unless something newer comes first. The message is asked for when it is. */
  tell(done: number, message: () => string): void {
    if (this.#stopped) return
    this.#next = { done, message }
    this.#plan()
  }

  #plan(): void {
    if (this.#timer !== undefined || this.#sending || this.#stopped) return
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
    this.#emit(next.done, next.message())
  }

  #emit(done: number, message: string): void {
    // The protocol wants the number to grow with every notification.
    this.#lastSent = done > this.#lastSent ? done : this.#lastSent + 1
    this.#lastMs = Date.now()
    this.#sending = true
    const taken = this.#send(this.#lastSent, message.slice(0, messageLimit).toWellFormed())
    const go = () => {
      this.#sending = false
      if (this.#next !== undefined) this.#plan()
    }
    taken.then(go, go)
    this.#expectSilence()
  }

  #expectSilence(): void {
    clearTimeout(this.#heartbeat)
    this.#heartbeat = setTimeout(() => {
      if (this.#sending) this.#expectSilence()
      else this.#emit(0, `running for ${Math.round((Date.now() - this.#started) / 1000)} s`)
    }, heartbeatMs)
    this.#heartbeat.unref()
  }
}
