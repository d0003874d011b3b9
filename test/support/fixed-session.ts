/** A session that is there already, for servers that are to ask their client nothing. */
import type { SessionProvider } from '../../src/mcp/session-provider.ts'
import type { Sight } from '../../src/resources/sight.ts'
import type { Session } from '../../src/session.ts'

export const fixedSession = (session: Session, sight: Sight): SessionProvider => ({
  get: async () => ({ session, sight }),
  rootsChanged: async () => false,
})
