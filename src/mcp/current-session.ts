/** The session that a connection is served now, and what its client asks of the resources of it. */
import type { ResourceRequests } from './answers.ts'
import type { ClientRoots } from './client-roots.ts'
import { answers } from './load-answers.ts'
import type { ResourceEvents } from './resource-requests.ts'
import type { Served, SessionProvider } from './session-provider.ts'

export interface Open extends Served {
  readonly resources: ResourceRequests
}

/** Follows the client's roots for as long as the provider does: with another session come other resources. */
export class CurrentSession {
  readonly #sessions: SessionProvider
  readonly #roots: ClientRoots
  readonly #events: ResourceEvents
  #opened: Open | undefined

  constructor(sessions: SessionProvider, roots: ClientRoots, events: ResourceEvents) {
    this.#sessions = sessions
    this.#roots = roots
    this.#events = events
  }

  /** What was got last. */
  get opened(): Open | undefined {
    return this.#opened
  }

  /** Has the session put together if need be; rejects as the provider does. */
  async get(): Promise<Open> {
    const [{ session, sight }, { ResourceRequests }] = await Promise.all([
      this.#sessions.get(this.#roots),
      answers(),
    ])
    if (this.#opened?.session !== session) {
      const before = this.#opened?.resources
      const resources = new ResourceRequests(session, sight, this.#events)
      this.#opened = { session, sight, resources }
      const subscribed = before?.subscribed ?? []
      before?.close()
      for (const uri of subscribed) void this.#subscribeAnew(uri, resources)
    }
    return this.#opened
  }

  /** The client says that its roots have changed. */
  async rootsChanged(): Promise<void> {
    if (!(await this.#sessions.rootsChanged(this.#roots))) return
    this.#events.listChanged()
    // Who only listens asks for nothing. What keeps the session from it is told at the next call.
    if (this.#opened?.resources.subscribed.length) await this.get().catch(() => {})
  }

  /** What is there now is something else, or nothing: to read it tells. */
  async #subscribeAnew(uri: string, resources: ResourceRequests): Promise<void> {
    const { signal } = new AbortController()
    await resources.subscribe(uri, { signal, report: () => {} }).catch(() => {})
    this.#events.updated(uri)
  }

  /** Lets go of the resources; the session is the provider's. */
  close(): void {
    this.#opened?.resources.close()
  }
}
