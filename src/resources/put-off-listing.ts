/**
 * The list that clients ask for at their start, without anybody having asked them. Claude Code offers no tools until
 * it has it, and Gemini CLI none at all when it fails: a sandbox that is opened slowly, or cannot be, would cost the
 * model its tools, which could have told why.
 */
import type { OpenContext } from '../sandbox.ts'
import { settledWithin } from '../settled-within.ts'
import type { Sight } from './sight.ts'

/** A sandbox that is there already is mostly open by then. */
const patienceMs = 500

/** What it needs of a session. */
interface Session {
  during<T>(call: () => Promise<T>): Promise<T>
}

/** Puts off the first list of a client, once; who asks again is served as soon as the sandbox is open, or told why not. */
export class PutOffListing {
  readonly #session: Session
  readonly #sight: Sight
  readonly #changed: () => void
  readonly #ending = new AbortController()
  #isSpent = false
  /** The client has been told of no files, and not yet that there are some. */
  #isOwed = false

  /** `changed` is called when there is something to list for who was put off. */
  constructor(session: Session, sight: Sight, changed: () => void) {
    this.#session = session
    this.#sight = sight
    this.#changed = changed
  }

  /** Opens the sandbox; true where that takes long, or fails: then it goes on, and nothing is to be listed now. */
  async puts({ signal, report }: OpenContext): Promise<boolean> {
    if (this.#isSpent || this.#sight.isReady) return false
    this.#isSpent = true
    const stop = new AbortController()
    const ended = AbortSignal.any([this.#ending.signal, stop.signal])
    const giveUp = () => stop.abort()
    signal.addEventListener('abort', giveUp, { once: true })
    const opening = this.#session.during(() => this.#sight.ready({ signal: ended, report }))
    opening.then(
      () => this.checkSoon(),
      (error: Error) => {
        if (!ended.aborted) console.error(`sandbox-mcp: no files are listed yet: ${error.message}`)
      },
    )
    await settledWithin(opening, patienceMs)
    signal.removeEventListener('abort', giveUp)
    this.#isOwed = !this.#sight.isReady && !signal.aborted
    return this.#isOwed
  }

  /** Tells who was put off, if there is something to see by now. */
  checkSoon(): void {
    if (!this.#isOwed || !this.#sight.isReady || this.#ending.signal.aborted) return
    this.#isOwed = false
    this.#changed()
  }

  /** Nothing is told afterwards, and an opening that only this waits for ends. */
  close(): void {
    this.#ending.abort()
  }
}
