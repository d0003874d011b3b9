/** What another server does with a sandbox that nobody has used for long. */

import { pruneSandboxes } from '../../src/sessions/prune.ts'
import { readUse, writeUse } from '../../src/sessions/use-record.ts'
import type { WorkspaceKind } from '../../src/sessions/workspace-kind.ts'
import { stateOf, type TestSession } from './sandbox-session.ts'

/** Prunes as if the last use were long ago; what is said of it. */
export async function pruneIdle(it: TestSession, workspaces: WorkspaceKind): Promise<string> {
  const { backend, spec } = it
  const state = stateOf(it)
  const record = readUse(state, spec.name)
  if (record !== undefined) writeUse(state, spec.name, { ...record, usedMs: 0 })
  const said: string[] = []
  const scope = {
    backend,
    installation: spec.installation,
    state,
    prune: { idleHours: 24, maxAgeDays: 7 },
    workspaces,
  }
  await pruneSandboxes(scope, (line) => said.push(line), new AbortController().signal)
  return said.join('\n')
}
