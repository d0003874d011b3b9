/** Removes ephemeral sandboxes whose server is gone without having removed them. */
import { isAlive } from '../process-identity.ts'
import type { Backend } from '../sandbox.ts'

/** Never rejects: what cannot be swept now is swept at another start. */
export async function sweepEphemeral(
  choose: (signal: AbortSignal) => Promise<Backend>,
  installation: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const backend = await choose(signal)
    for (const { name, ephemeral } of await backend.list(installation, signal)) {
      if (ephemeral !== undefined && !isAlive(ephemeral)) await backend.remove(name, signal)
    }
  } catch {
    // No engine answers, or the session has ended: a call that needs the engine tells it better.
  }
}
