/**
 * The look at the sandbox after a command, asked for when the command starts: it begins when that has ended, and what
 * it tells comes with the end, so that a command in a mirrored workspace is one way there and back.
 */
import type { Ahead, Foretold } from './scripts/script.ts'

/** As `Attendant.ahead`, in the sandbox that is open. */
export type AskAhead = (foretold: Foretold, group: number) => Ahead | undefined

/** Of the one command that runs, if it is one. */
export class LookAhead {
  readonly #ask: AskAhead
  #foretold: Foretold | undefined
  #ahead: Ahead | undefined

  constructor(ask: AskAhead) {
    this.#ask = ask
  }

  /** A command is to start. What was asked ahead of another is not good any more. */
  async prepare(foretell: (() => Promise<Foretold | undefined>) | undefined): Promise<void> {
    this.#forget()
    // Who cannot tell now is asked when the command has ended.
    this.#foretold = await foretell?.().catch(() => undefined)
  }

  /** It gets this group. `isOnly` when nothing else runs. */
  given(group: number, isOnly: boolean): void {
    const foretold = this.#foretold
    // A command that was given another group before has not begun there.
    this.#forget()
    if (foretold === undefined || !isOnly) return
    // The command is on its way before that.
    queueMicrotask(() => {
      this.#ahead = this.#ask(foretold, group)
    })
  }

  /** Once, when it has ended. */
  take(): Ahead | undefined {
    const ahead = this.#ahead
    this.#forget()
    return ahead
  }

  #forget(): void {
    this.#foretold = undefined
    this.#ahead = undefined
  }
}
