/** Snapshots as text: `a=1 b=2* l->a d/`, `-` for nothing. Directories above an entry come by themselves. */
import type { Entry, Scan, Snapshot } from '../../src/sync/snapshot.ts'
import { parentOf } from '../../src/sync/snapshot.ts'
import { type TreePath, treePath } from '../../src/tree.ts'

export function snapshot(text: string): Snapshot {
  const entries = new Map<TreePath, Entry>()
  for (const word of text.split(' ').filter((part) => part !== '' && part !== '-')) {
    const [, name = '', kind, value = ''] = /^(.*?)(=|->|\/$)(.*)$/.exec(word) ?? []
    if (kind === undefined) throw new Error(`${word} is no entry`)
    const path = treePath(name)
    addParents(entries, path)
    if (kind === '=') {
      const executable = value.endsWith('*')
      entries.set(path, { kind: 'file', digest: value.replace('*', ''), executable })
    } else {
      entries.set(path, kind === '->' ? { kind: 'link', target: value } : { kind: 'directory' })
    }
  }
  return entries
}

function addParents(entries: Map<TreePath, Entry>, path: TreePath): void {
  const parent = parentOf(path)
  if (parent === '' || entries.has(parent)) return
  addParents(entries, parent)
  entries.set(parent, { kind: 'directory' })
}

export function scan(text: string, problems: Scan['problems'] = []): Scan {
  return { snapshot: snapshot(text), problems }
}

/** Sorted, each directory that has nothing in it by itself. */
export function layout(entries: Snapshot): string {
  const paths = [...entries.keys()].sort()
  const words = paths.flatMap((path) => {
    const entry = entries.get(path)
    if (entry?.kind === 'file') return `${path}=${entry.digest}${entry.executable ? '*' : ''}`
    if (entry?.kind === 'link') return `${path}->${entry.target}`
    return paths.some((other) => other.startsWith(`${path}/`)) ? [] : `${path}/`
  })
  return words.join(' ') || '-'
}
