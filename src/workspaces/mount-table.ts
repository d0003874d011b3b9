/**
 * Which tree a path belongs to: one answer for the working directory of commands, for the file tools
 * and for resources. Pure.
 */
import { isAbsolute, relative } from 'node:path/posix'
import { argumentInvalid, pathInvalid } from '../errors.ts'
import { type Tree, type TreePath, treePath } from '../tree.ts'
import type { Located } from '../workspace.ts'

/** A directory that has a tree of its own. Paths are absolute, without a slash at the end. */
export interface TreeMount {
  readonly tree: Tree
  /** Where it is in the sandbox. */
  readonly sandbox: string
  /** The name by which it is known on every backend: results name its files by it. */
  readonly alias: string
  /** How the host spells it. */
  readonly host: string
}

export interface Place extends Located {
  /** The absolute path in the sandbox. */
  readonly inside: string
}

export class MountTable {
  readonly #workspace: TreeMount
  readonly #rest: Tree
  /** Every name of every mount; where two hold the same path the earlier one decides. */
  readonly #names: readonly { readonly root: string; readonly mount: TreeMount }[]

  /** The first mount is the workspace; `rest` is the tree of the sandbox's `/`. */
  constructor(mounts: readonly [TreeMount, ...TreeMount[]], rest: Tree) {
    this.#workspace = mounts[0]
    this.#rest = rest
    const named = (root: (mount: TreeMount) => string) =>
      mounts.map((mount) => ({ root: root(mount), mount }))
    // The sandbox's own names come first: commands inside mean those.
    this.#names = [
      ...named(({ sandbox }) => sandbox),
      ...named(({ alias }) => alias),
      ...named(({ host }) => host),
    ]
  }

  /**
   * Where a path leads that is relative to the workspace, absolute in the sandbox, or written as the
   * host spells what is mounted. `PATH_OUTSIDE` for one that climbs out of the workspace by `..`,
   * `ARGUMENT_INVALID` for one that no file system can hold.
   */
  locate(path: string): Place {
    if (path === '') throw pathInvalid(path, 'it is empty')
    if (!isAbsolute(path)) return this.#in(this.#workspace, treePath(path))
    const inRoot = treePath(path.replace(/^\/+/, ''))
    const clean = `/${inRoot}`
    for (const { root, mount } of this.#names) {
      const rest = below(clean, root)
      if (rest !== undefined) return this.#in(mount, treePath(rest))
    }
    return { tree: this.#rest, path: inRoot, shown: clean, inside: clean }
  }

  /** The working directory that a command asks for; the workspace without one. */
  workdir(path: string | undefined): string {
    if (path === undefined || path === '') return this.#workspace.sandbox
    if (path.trim() === '') {
      throw argumentInvalid('workdir is blank', 'Leave workdir out to use the workspace.')
    }
    return this.locate(path).inside
  }

  #in(mount: TreeMount, path: TreePath): Place {
    const { tree, sandbox, alias } = mount
    const under = (root: string) => (path === '' ? root : `${root}/${path}`)
    const shown = mount === this.#workspace ? path || '.' : under(alias)
    return { tree, path, shown, inside: under(sandbox) }
  }
}

/** The rest of `path` when it is `root` or below it; the comparison is by whole components. */
function below(path: string, root: string): string | undefined {
  const rest = relative(root, path)
  return rest === '..' || rest.startsWith('../') ? undefined : rest
}
