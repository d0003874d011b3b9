/** Stops a sync that would delete everything because one side was emptied, or could not be seen. */
import type { Scan, Snapshot } from './snapshot.ts'
import { syncHalted } from './sync-errors.ts'

/**
 * Throws `SYNC_HALTED` when one side holds nothing any more, the other does, and more than one thing
 * was agreed on: an unmounted disk or a wiped sandbox looks like that, and so does deliberate
 * deletion, which only a person can tell from it.
 */
export function refuseEmptied(host: Scan, sandbox: Scan, ancestor: Snapshot): void {
  if (ancestor.size <= 1) return
  const hostEmpty = isEmpty(host)
  if (hostEmpty === isEmpty(sandbox)) return
  throw syncHalted(hostEmpty ? 'host' : 'sandbox', ancestor.size)
}

function isEmpty({ snapshot, problems }: Scan): boolean {
  return snapshot.size === 0 && problems.length === 0
}
