/** A tree whose errors call files what results call them: a tree by itself does not know where it is. */
import { isSandboxError } from '../errors.ts'
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
import type { MountTable } from './mount-table.ts'

export class NamedTree implements Tree {
  readonly #tree: Tree
  readonly #nameOf: (path: string) => string
  /** Where the tree has it. */
  readonly recall?: (path: TreePath) => Buffer | undefined

  /** `root` is a name of the tree's directory that `table` knows; it is asked when there is an error. */
  constructor(tree: Tree, root: string, table: () => MountTable) {
    this.#tree = tree
    const { recall } = tree
    if (recall !== undefined) this.recall = recall.bind(tree)
    this.#nameOf = (path) => table().locate(`${root}/${path}`).shown
  }

  stat(path: TreePath): Promise<Stat> {
    return this.#named(this.#tree.stat(path))
  }

  read(path: TreePath, range?: ByteRange): Promise<FileContent> {
    return this.#named(this.#tree.read(path, range))
  }

  list(path: TreePath): Promise<readonly ListedEntry[]> {
    return this.#named(this.#tree.list(path))
  }

  apply(changes: readonly Change[], signal?: AbortSignal): Promise<void> {
    return this.#named(this.#tree.apply(changes, signal))
  }

  replace(path: TreePath, bytes: Uint8Array, signal?: AbortSignal): Promise<Replaced> {
    return this.#named(this.#tree.replace(path, bytes, signal))
  }

  async #named<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw (isSandboxError(error) && error.renamed?.(this.#nameOf)) || error
    }
  }
}
