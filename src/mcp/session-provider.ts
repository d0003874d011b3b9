/** Where a server gets the session from that its client's calls act in. */
import type { Sight } from '../resources/sight.ts'
import type { Session } from '../session.ts'
import type { ClientRoots } from './client-roots.ts'

export interface Served {
  readonly session: Session
  /** What is seen of the session's workspace. */
  readonly sight: Sight
}

export interface SessionProvider {
  /**
   * The session: put together when it is asked for first, because a client can be asked for its roots only
   * when it has been answered. Rejects with what keeps it from that; it can be asked for again.
   */
  get(roots: ClientRoots): Promise<Served>
  /** The client says that its roots have changed. True when `get` gives another session from now on. */
  rootsChanged(roots: ClientRoots): Promise<boolean>
}
