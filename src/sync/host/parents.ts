/** The directories of the host's tree that files are in, reached one after another without following links. */

import { canPin } from '../../real-paths.ts'
import type { TreePath } from '../../tree.ts'
import { type Directory, HostWalk } from '../../trees/host-walk.ts'

/** After so many paths the way is gone anew: what is held may have been moved meanwhile. */
const pathsOnOneWalk = 100

/** Good for many paths in a row; whoever makes it closes it. */
export class HostParents {
  readonly #root: string
  #walk: HostWalk | undefined
  #paths = 0

  /** `root` is the real path of the tree. */
  constructor(root: string) {
    this.#root = root
  }

  /** The directory that `path` is in, held until the next call; undefined where a part of the way is none. */
  of(path: TreePath): Directory | undefined {
    if (this.#paths === pathsOnOneWalk) this.close()
    this.#paths += 1
    this.#walk ??= new HostWalk({ path: this.#root, sandboxRoot: undefined, pinned: canPin })
    const parent = parentOf(path)
    let directory: Directory | undefined = this.#walk.shared(parent)
    for (const name of parent.slice(directory.path.length).split('/')) {
      if (name === '') continue
      directory = this.#walk.enter(directory, name)
      if (directory === undefined) return undefined
    }
    this.#walk.confirm(directory, path)
    return directory
  }

  /** To be called when the directory `path` was removed: another may be there next. */
  removed(path: TreePath): void {
    this.#walk?.shared(parentOf(path))
  }

  close(): void {
    this.#walk?.close()
    this.#walk = undefined
    this.#paths = 0
  }
}

const parentOf = (path: TreePath) => path.slice(0, Math.max(0, path.lastIndexOf('/')))
