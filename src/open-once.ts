/** One thing that is costly to open, shared by all who ask for it at the same time and later. */
import { cancelled } from './errors.ts'
import type { OpenContext } from './sandbox.ts'

/**
 * `get` opens at first use. A caller that is cancelled only stops waiting; the opening itself is
 * cancelled when nobody waits for it any more. A failure is told to all who wait, and the next call
 * tries again.
 */
export class OpenOnce<T> {
  readonly #open: (context: OpenContext) => Promise<T>
  #current: { value: Promise<T>; stop: AbortController } | undefined
  #opened: T | undefined
  #waiting = new Set<OpenContext>()

  constructor(open: (context: OpenContext) => Promise<T>) {
    this.#open = open
  }

  /** What is open, if it is. */
  get opened(): T | undefined {
    return this.#opened
  }

  async get(context: OpenContext): Promise<T> {
    if (this.#opened !== undefined) return this.#opened
    if (context.signal.aborted) throw cancelled('opening the sandbox')
    this.#current ??= this.#begin()
    const current = this.#current
    this.#waiting.add(context)
    let onAbort = () => {}
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(cancelled('opening the sandbox'))
      context.signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      return await Promise.race([current.value, aborted])
    } finally {
      context.signal.removeEventListener('abort', onAbort)
      this.#waiting.delete(context)
      if (this.#waiting.size === 0 && this.#opened === undefined) current.stop.abort()
    }
  }

  /** Makes the next `get` open anew, if `value` is still what is open. */
  forget(value: T): void {
    if (this.#opened === value) this.#opened = undefined
  }

  /** Waits for an opening that is under way to end; cancels it. */
  async settle(): Promise<void> {
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
