/** `Tree.replace` where reading costs little. */
import { isSandboxError } from '../errors.ts'
import type { Replaced, Tree, TreePath } from '../tree.ts'

/** In two steps: what is there, as far as it can be the same, and the change. */
export async function replaceByReading(
  tree: Pick<Tree, 'read' | 'apply'>,
  path: TreePath,
  bytes: Uint8Array,
  signal?: AbortSignal,
): Promise<Replaced> {
  const found = await lookFor(tree, path, bytes)
  if (found !== 'same') await tree.apply([{ path, before: 'anything', after: { bytes } }], signal)
  return found
}

async function lookFor(
  tree: Pick<Tree, 'read'>,
  path: TreePath,
  bytes: Uint8Array,
): Promise<Replaced> {
  try {
    // One byte more tells that it is longer.
    const there = await tree.read(path, { offset: 0, length: bytes.length + 1 })
    return there.bytes.equals(bytes) ? 'same' : 'other'
  } catch (error) {
    if (isSandboxError(error, 'FILE_NOT_FOUND')) return 'absent'
    // It can still be replaced.
    if (isSandboxError(error, 'FILE_DENIED')) return 'other'
    throw error
  }
}
