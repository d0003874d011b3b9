/**
 * Notices to a client that may not read: of one that it has not taken no second is sent, and what came in the meantime is
 * one more when it has. So what waits for the client does not grow, however often there is news.
 */
export class UnreadNotices {
  readonly #send: (about: string) => Promise<void>
  /** Those that are on their way, and whether there was news of them since. */
  readonly #underWay = new Map<string, boolean>()

  /** `send` settles when the client's end has taken it. */
  constructor(send: (about: string) => Promise<void>) {
    this.#send = send
  }

  tell(about: string): void {
    if (this.#underWay.has(about)) {
      this.#underWay.set(about, true)
      return
    }
    this.#underWay.set(about, false)
    const taken = () => {
      const isNews = this.#underWay.get(about) === true
      this.#underWay.delete(about)
      if (isNews) this.tell(about)
    }
    this.#send(about).then(taken, taken)
  }
}
