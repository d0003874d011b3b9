/** What one client's calls share: the workspace, and later what they started. */
import type { Workspace } from './workspace.ts'

export interface Session {
  readonly workspace: Workspace
}
