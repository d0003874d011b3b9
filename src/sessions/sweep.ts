/** Removes what is left of ephemeral sandboxes whose server is gone without having removed them. */
import { isSandboxError } from '../errors.ts'
import { isAlive } from '../process-identity.ts'
import { whileUnused } from './lease.ts'
import { keptMs } from './private-workspace.ts'
import { isStranded, type PruneScope } from './prune.ts'
import { serverOfScope } from './scope.ts'
import { isUnsettled } from './unsettled.ts'
import { forgetAllButUse, forgetSandbox, readUses } from './use-record.ts'

/**
 * Keeps those with changes that the host does not have, and those in use: their server may be one whose
 * processes are not seen here. Never rejects: what cannot be swept now is swept at another start.
 */
export async function sweepEphemeral(
  { backend, installation, state, workspaces }: PruneScope,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (const info of await backend.list(installation, signal)) {
      const { name, ephemeral, state: found } = info
      if (ephemeral === undefined || found === 'renamed' || isAlive(ephemeral)) continue
      if (isStranded(state, workspaces, info)) continue
      const remove = async () => {
        await backend.remove(name, signal)
        // When it was used tells how long its private workspace is kept.
        forgetAllButUse(state, name)
      }
      await whileUnused(state, name, remove, signal).catch((error: unknown) => {
        if (signal.aborted || isSandboxError(error, 'BACKEND_UNAVAILABLE')) throw error
      })
    }
  } catch {
    // No engine answers, or the session has ended: a call that needs the engine tells it better.
  }
}

/**
 * Forgets, a day after the last use, what is kept of those whose server is gone, also where an engine has removed
 * them by itself; but not of one with changes that the host does not have. Never rejects.
 */
export async function sweepRecords(state: string, signal: AbortSignal): Promise<void> {
  for (const [name, { scopeKey, usedMs }] of readUses(state)) {
    const server = serverOfScope(scopeKey)
    if (server === undefined || isAlive(server) || isUnsettled(state, name)) continue
    if (Date.now() - usedMs <= keptMs) continue
    const forget = async () => forgetSandbox(state, name)
    await whileUnused(state, name, forget, signal).catch(() => {
      // The others can be forgotten all the same; this one is tried again at another start.
    })
  }
}
