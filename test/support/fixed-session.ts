/** A session that is there already, for servers that are to ask their client nothing. */
import type { SessionProvider } from '../../src/mcp/session-provider.ts'
import type { Session } from '../../src/session.ts'
import type { HostRoot } from '../../src/trees/host-walk.ts'

export const fixedSession = (session: Session, workspaceRoot: HostRoot): SessionProvider => ({
  get: async () => ({ session, workspaceRoot }),
  rootsChanged: async () => false,
})
