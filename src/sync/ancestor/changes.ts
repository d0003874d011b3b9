/**
 * What has changed since the file of an ancestor was written, in a file beside it: so that what is noted after
 * a small sync is small. It is made whole each time, and belongs to one ancestor file.
 */
import { createHash } from 'node:crypto'
import type { TreePath } from '../../tree.ts'
import type { Entry, Snapshot } from '../snapshot.ts'
import { type AncestorHeader, entryOfLine, headerOf, lineOf, version } from './text.ts'

/** What is no longer agreed on has no entry. */
export type Changes = ReadonlyMap<TreePath, Entry | undefined>

/** `base` is the digest in the header of the ancestor file that they are changes of. */
export function changesText(base: string, paths: Iterable<TreePath>, snapshot: Snapshot): string {
  const lines = [...paths].map((path) => lineOf(path, snapshot.get(path)))
  const body = lines.join('')
  const header: AncestorHeader = {
    version,
    pair: base,
    entries: lines.length,
    ...sealed(base, body),
  }
  return `${JSON.stringify(header)}\n${body}`
}

const sealed = (base: string, body: string) => ({
  sha256: createHash('sha256').update(`${base}\n${body}`).digest('hex'),
})

/** Undefined for anything that `changesText` did not make. */
export function readChanges(text: string): { base: string; changes: Changes } | undefined {
  const end = text.indexOf('\n')
  const header = end < 0 ? undefined : headerOf(text.slice(0, end))
  const body = text.slice(end + 1)
  if (header === undefined || sealed(header.pair, body).sha256 !== header.sha256) return undefined
  const changes = new Map<TreePath, Entry | undefined>()
  for (const line of body.split('\n').slice(0, -1)) {
    const one = entryOfLine(line)
    if (one === undefined) return undefined
    changes.set(one.path, one.entry)
  }
  return { base: header.pair, changes }
}
