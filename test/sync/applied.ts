/** What a side holds after the changes of a plan, made strictly as an adapter would. */
import type { SyncChange } from '../../src/sync/reconcile/reconcile.ts'
import { type Entry, parentOf, type Snapshot, sameEntry } from '../../src/sync/snapshot.ts'

/** Throws for a change that no file system could make. */
export function applied(
  changes: readonly SyncChange[],
  to: Snapshot,
  sources: { readonly host: Snapshot; readonly sandbox: Snapshot },
): Snapshot {
  const after = new Map(to)
  for (const change of changes) {
    const { path } = change
    const fail = (why: string) => new Error(`${path}: ${why}`)
    if (!sameEntry(after.get(path), change.before)) throw fail('is not what it was')
    if (change.after === undefined || change.after.kind !== 'directory') {
      const inside = [...after.keys()].some((other) => other.startsWith(`${path}/`))
      if (inside) throw fail('is not empty')
    }
    if (change.after === undefined) {
      after.delete(path)
      continue
    }
    const parent = parentOf(path)
    if (parent !== '' && after.get(parent)?.kind !== 'directory') throw fail('has no directory')
    if (change.after.kind === 'file') {
      const { from, before } = change
      const source: Entry | undefined = from ? sources[from.side].get(from.path) : before
      if (source?.kind !== 'file' || source.digest !== change.after.digest) {
        throw fail('its bytes are not where they are said to be')
      }
    }
    after.set(path, change.after)
  }
  return after
}
