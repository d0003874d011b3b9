/** How a session's workspace comes into its sandbox, by its backend. */
import type { Settings } from '../settings.ts'
import { backendOf } from './mode.ts'

/** Where the files are that count. */
export type WorkspaceKind = 'bind' | 'mirror' | 'remote'

export function workspaceKind(settings: Settings): WorkspaceKind {
  const backend = backendOf(settings)
  if (backend === 'ssh') return 'remote'
  return backend === 'openshell' ? settings.openshell.mode : 'bind'
}
