/** A tree of the host whose changes are sent on to somewhere else, once they are made. */
import type {
  ByteRange,
  Change,
  FileContent,
  ListedEntry,
  Replaced,
  Stat,
  Tree,
  TreePath,
} from '../tree.ts'

export class SentOnTree implements Tree {
  readonly #tree: Tree
  readonly #sendOn: () => void

  constructor(tree: Tree, sendOn: () => void) {
    this.#tree = tree
    this.#sendOn = sendOn
  }

  stat(path: TreePath): Promise<Stat> {
    return this.#tree.stat(path)
  }

  read(path: TreePath, range?: ByteRange): Promise<FileContent> {
    return this.#tree.read(path, range)
  }

  list(path: TreePath): Promise<readonly ListedEntry[]> {
    return this.#tree.list(path)
  }

  async apply(changes: readonly Change[], signal?: AbortSignal): Promise<void> {
    await this.#tree.apply(changes, signal)
    this.#sendOn()
  }

  async replace(path: TreePath, bytes: Uint8Array, signal?: AbortSignal): Promise<Replaced> {
    const found = await this.#tree.replace(path, bytes, signal)
    if (found !== 'same') this.#sendOn()
    return found
  }
}
