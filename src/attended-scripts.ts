/** Scripts of our own in a session's sandbox, the short ones by an attendant: a runner has to be made ready anew. */
import type { Attendant } from './scripts/attendant.ts'
import type { Alone, Scripts } from './scripts/script.ts'
import { isFramed, spawnedScripts } from './scripts/spawn-script.ts'
import { type Pace, Standstill } from './scripts/standstill.ts'
import { stoodStill } from './sync/sync-errors.ts'

/**
 * As `spawnedScripts`. A script whose stdin is short is the `attendant`'s, and keeps to what that asks for: it
 * starts nothing that outlives it. The first that comes with functions has the attendant started with them, and the
 * first of all is asked `alone`. Such a one that stands still is ended: `SYNC_INTERRUPTED`.
 */
export function attendedScripts(attendant: Attendant, alone?: Alone, pace?: Pace): Scripts {
  const spawned = spawnedScripts(attendant.guard)
  let question = alone
  return {
    ...spawned,
    run: (
      script,
      stdin,
      signal,
      traffic,
      functions = attendant.functions,
      shortcut = undefined,
    ) => {
      const asked = question
      question = undefined
      if (!isFramed(stdin) || traffic === 'bulk') {
        const run = spawned.run(script, stdin, signal, traffic, functions)
        return run.finally(() => attendant.doubt())
      }
      const watch = new Standstill(attendant.guard, signal, pace)
      return attendant
        .run({
          script: withStdin(script, stdin),
          stdin,
          signal: watch.signal,
          functions,
          shortcut,
          alone: asked,
          begun: watch.begun,
        })
        .catch((error: unknown) => {
          throw watch.isStill ? stoodStill() : error
        })
        .finally(() => watch.end())
    },
    doubt: () => {
      if (question !== undefined) question.ahead = undefined
    },
  }
}

/**
 * It has an end of its own to its stdin, whatever programs read it, and need not read all of it. Who waits for it waits
 * on when both are asked to end: it may have something to take back.
 */
function withStdin(script: string, stdin: Uint8Array | undefined): string {
  const length = stdin?.length ?? 0
  if (length === 0) return script
  return `trap : TERM
dd bs=${length} count=1 iflag=fullblock 2>/dev/null | (\n${script}\n)`
}
