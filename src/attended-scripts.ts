/** Scripts of our own in a session's sandbox, the short ones by an attendant: a runner has to be made ready anew. */
import type { Attendant } from './attendant.ts'
import type { Scripts } from './script.ts'
import { spawnedScripts } from './spawn-script.ts'

/**
 * As `spawnedScripts`. A script without stdin is the `attendant`'s, and keeps to what that asks for: it starts
 * nothing that outlives it.
 */
export function attendedScripts(attendant: Attendant): Scripts {
  const spawned = spawnedScripts(attendant.guard)
  return {
    ...spawned,
    run: (script, stdin, signal, traffic) =>
      stdin === undefined && traffic !== 'bulk'
        ? attendant.run(script, stdin, signal, '')
        : spawned.run(script, stdin, signal, traffic),
  }
}
