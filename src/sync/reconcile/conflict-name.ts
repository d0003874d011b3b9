/** The name under which the sandbox's version is kept beside the host's. */
import { createHash } from 'node:crypto'
import type { TreePath } from '../../tree.ts'
import { parentOf, type Snapshot } from '../snapshot.ts'
import type { PathIndex } from './path-index.ts'

/** Bytes that file systems allow for one name. */
const nameLimitBytes = 255

/**
 * Names for what `snapshot` holds at `path`, the best first, without end. They follow from path and
 * content alone, so that a pass that is repeated finds what the one before it has made.
 */
export function* conflictPaths(
  path: TreePath,
  snapshot: Snapshot,
  index: PathIndex,
): Generator<TreePath, never> {
  const digest = contentDigest(path, snapshot, index)
  yield beside(path, digest.slice(0, 8))
  yield beside(path, digest.slice(0, 32))
  for (let count = 2; ; count++) yield beside(path, `${digest.slice(0, 32)}-${count}`)
}

/** `dir/file.txt` becomes `dir/file.sandbox-conflict-<tag>.txt`. */
function beside(path: TreePath, tag: string): TreePath {
  const parent = parentOf(path)
  const name = parent === '' ? path : path.slice(parent.length + 1)
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 && name.length - dot <= 16 ? name.slice(dot) : ''
  const ending = `.sandbox-conflict-${tag}${extension}`
  let stem = [...name.slice(0, name.length - extension.length)]
  while (Buffer.byteLength(stem.join('') + ending) > nameLimitBytes) stem = stem.slice(0, -1)
  const made = stem.join('') + ending
  return (parent === '' ? made : `${parent}/${made}`) as TreePath
}

function contentDigest(path: TreePath, snapshot: Snapshot, index: PathIndex): string {
  const entry = snapshot.get(path)
  if (entry?.kind === 'file') return entry.digest
  const hash = createHash('sha256')
  const add = (inner: TreePath) => {
    const found = snapshot.get(inner)
    if (found === undefined) return
    hash.update(`${JSON.stringify([inner.slice(path.length), found])}\n`)
    for (const deeper of [...index.below(inner)].sort()) add(deeper)
  }
  add(path)
  return hash.digest('hex')
}
