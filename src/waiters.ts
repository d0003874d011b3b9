/** Callers who wait for something of which there are a few, first come, first served. */
import { setMaxListeners } from 'node:events'

export interface WaitOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined
  /** What a wait that `signal` ends is rejected with. */
  readonly cancelled: () => Error
  /** How long is waited, in milliseconds; without it, for as long as it takes. */
  readonly limitMs?: number
  /**
   * What a wait that has taken that long is rejected with. Undefined lets it go on: it is overdue then,
   * and no more than that.
   */
  readonly tooLong?: () => Error | undefined
}

interface Waiter<T> {
  overdue: boolean
  give(value: T): void
  refuse(error: unknown): void
}

/** Whoever has waited is served or refused once, and nothing of the wait stays: no timer and no listener. */
export class Waiters<T> {
  readonly #all = new Set<Waiter<T>>()

  /** How many wait. */
  get size(): number {
    return this.#all.size
  }

  /**
   * Resolves with what is given; rejects as `options` say, and with what is refused. It is counted at once,
   * so that whoever calls this can serve it then.
   */
  wait({ signal, cancelled, limitMs, tooLong }: WaitOptions): Promise<T> {
    if (signal?.aborted) return Promise.reject(cancelled())
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      const abort = () => waiter.refuse(cancelled())
      const leave = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        this.#all.delete(waiter)
      }
      const waiter: Waiter<T> = {
        overdue: false,
        give: (value) => {
          leave()
          resolve(value)
        },
        refuse: (error) => {
          leave()
          reject(error)
        },
      }
      if (limitMs !== undefined) {
        timer = setTimeout(() => {
          const error = tooLong?.()
          if (error === undefined) waiter.overdue = true
          else waiter.refuse(error)
        }, limitMs)
      }
      if (signal !== undefined) {
        // Many may wait with one signal, and Node takes that for a leak.
        setMaxListeners(0, signal)
        signal.addEventListener('abort', abort, { once: true })
      }
      this.#all.add(waiter)
    })
  }

  /** To whoever came first; false when nobody waits. */
  give(value: T): boolean {
    const [first] = this.#all
    first?.give(value)
    return first !== undefined
  }

  /** Refuses whoever came first. */
  refuseFirst(error: unknown): void {
    const [first] = this.#all
    first?.refuse(error)
  }

  refuseAll(error: unknown): void {
    for (const waiter of this.#all) waiter.refuse(error)
  }

  /** Those for whom it has taken too long already. */
  refuseOverdue(error: unknown): void {
    for (const waiter of this.#all) if (waiter.overdue) waiter.refuse(error)
  }
}
