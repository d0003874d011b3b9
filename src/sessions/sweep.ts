/** Removes ephemeral sandboxes whose server is gone without having removed them. */
import { isSandboxError } from '../errors.ts'
import { isAlive } from '../process-identity.ts'
import { whileUnused } from './lease.ts'
import { isStranded, type PruneScope } from './prune.ts'

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
      const { name, ephemeral } = info
      if (ephemeral === undefined || isAlive(ephemeral)) continue
      if (isStranded(state, workspaces, info)) continue
      await whileUnused(state, name, () => backend.remove(name, signal), signal).catch(
        (error: unknown) => {
          if (signal.aborted || isSandboxError(error, 'BACKEND_UNAVAILABLE')) throw error
        },
      )
    }
  } catch {
    // No engine answers, or the session has ended: a call that needs the engine tells it better.
  }
}
