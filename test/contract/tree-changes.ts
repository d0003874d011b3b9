/** Short spellings of what the cases do to a tree. */
import { type Before, type Change, digestOf, type Tree, treePath } from '../../src/tree.ts'

/** A change of `path` to `content`, or its deletion. */
export function change(path: string, before: Before, content: Uint8Array | string | null): Change {
  const after = content === null ? 'absent' : { bytes: Buffer.from(content) }
  return { path: treePath(path), before, after }
}

export function create(tree: Tree, path: string, content: Uint8Array | string): Promise<void> {
  return tree.apply([change(path, 'absent', content)])
}

export async function text(tree: Tree, path: string): Promise<string> {
  return (await tree.read(treePath(path))).bytes.toString()
}

/** The `before` of a file that held `content` when it was read. */
export function was(content: string): Before {
  return { digest: digestOf(Buffer.from(content)) }
}
