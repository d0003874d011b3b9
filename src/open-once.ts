/** One thing that is costly to open, shared by all who ask for it at the same time and later. */
import { cancelled } from './errors.ts'
import type { OpenContext } from './sandbox.ts'
import { unlessAborted } from './unless-aborted.ts'

const what = 'opening the sandbox'

/**
 * `get` opens at first use. A caller that is cancelled only stops waiting; the opening itself is
 * cancelled when nobody waits for it any more, and whoever comes then has another after it has ended. A
 * failure is told to all who wait, and the next call tries again.
 */
export class OpenOnce<T> {
  readonly #open: (context: OpenContext) => Promise<T>
  #current: { value: Promise<T>; stop: AbortController } | undefined
  #opened: T | undefined
  #waiting = new Set<OpenContext>()
  #closed = false

  constructor(open: (context: OpenContext) => Promise<T>) {
    this.#open = open
  }

  /** What is open, if it is. */
  get opened(): T | undefined {
    return this.#opened
  }

  async get(context: OpenContext): Promise<T> {
    const { signal } = context
    while (this.#current?.stop.signal.aborted) {
      const ended = this.#current.value.catch(() => {})
      await unlessAborted(ended, signal, what)
    }
    if (this.#opened !== undefined) return this.#opened
    if (signal.aborted || this.#closed) throw cancelled(what)
    this.#current ??= this.#begin()
    const current = this.#current
    this.#waiting.add(context)
    try {
      return await unlessAborted(current.value, signal, what)
    } finally {
      this.#waiting.delete(context)
      if (this.#waiting.size === 0 && this.#opened === undefined) current.stop.abort()
    }
  }

  /** Makes the next `get` open anew, if `value` is still what is open. */
  forget(value: T): void {
    if (this.#opened === value) this.#opened = undefined
  }

  /** From now on nothing is opened. Cancels an opening that is under way, and waits for it to end. */
  async close(): Promise<void> {
    this.#closed = true
    this.#current?.stop.abort()
    await this.#current?.value.catch(() => {})
  }

  #begin() {
    const stop = new AbortController()
    const report = (message: string) => {
      for (const context of this.#waiting) context.report(message)
    }
    const value = this.#open({ signal: stop.signal, report }).then(
      (opened) => {
        this.#opened = opened
        this.#current = undefined
        return opened
      },
      (error: unknown) => {
        this.#current = undefined
        throw error
      },
    )
    value.catch(() => {})
    return { value, stop }
  }
}
