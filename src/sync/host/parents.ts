/** The directories of the host's tree that files are in, reached one after another without following links. */
import type { TreePath } from '../../tree.ts'
import { canPin, type Directory, HostWalk } from '../../trees/host-walk.ts'

/** How many are held open at a time. */
const heldDirectories = 100

/** Good for many paths in a row; whoever makes it closes it. */
export class HostParents {
  readonly #root: string
  #walk: HostWalk | undefined
  #entered = 0

  /** `root` is the real path of the tree. */
  constructor(root: string) {
    this.#root = root
  }

  /** The directory that `path` is in, held until the next call; undefined where a part of the way is none. */
  of(path: TreePath): Directory | undefined {
    if (this.#entered > heldDirectories) this.forget()
    this.#walk ??= new HostWalk({ path: this.#root, sandboxRoot: undefined, pinned: canPin })
    let directory: Directory | undefined = this.#walk.root
    for (const name of path.split('/').slice(0, -1)) {
      if (directory === undefined) return undefined
      this.#entered += 1
      directory = this.#walk.enter(directory, name)
    }
    if (directory !== undefined) this.#walk.confirm(directory, path)
    return directory
  }

  /** To be called when a directory was removed: another may be there next. */
  forget(): void {
    this.#walk?.close()
    this.#walk = undefined
    this.#entered = 0
  }

  close(): void {
    this.forget()
  }
}
