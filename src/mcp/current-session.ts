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
      const resources = new ResourceRequests(session, sight, this.#events)
      this.#opened?.resources.close()
      this.#opened = { session, sight, resources }
    }
    return this.#opened
  }

  /** The client says that its roots have changed. */
  async rootsChanged(): Promise<void> {
    if (await this.#sessions.rootsChanged(this.#roots)) this.#events.listChanged()
  }

  /** Lets go of the resources; the session is the provider's. */
  close(): void {
    this.#opened?.resources.close()
  }
}
