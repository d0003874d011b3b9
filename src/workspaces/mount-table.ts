/**
 * Which tree a path belongs to: one answer for the working directory of commands, for the file tools
 * and for resources. Pure.
 */
import { isAbsolute, relative } from 'node:path/posix'
import { argumentInvalid } from '../errors.ts'
import { homePath, pathInvalid } from '../file-errors.ts'
import { givenPath, type Tree, type TreePath, treePath } from '../tree.ts'
import type { Located } from '../workspace.ts'

/** A directory or file that is mounted. Paths are absolute, without a slash at the end. */
export interface TreeMount {
  readonly tree: Tree
  /** Where it is in that tree; its root if nothing is said. */
  readonly at?: TreePath
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
  /** One that is in another comes before it. */
  readonly #innermostFirst: readonly TreeMount[]
  /** What stands for a path inside; where two names hold the same path the earlier one decides. */
  readonly #names: readonly { readonly root: string; readonly sandbox: string }[]

  /** The first mount is the workspace; `rest` is the tree of the sandbox's `/`. */
  constructor(mounts: readonly [TreeMount, ...TreeMount[]], rest: Tree) {
    this.#workspace = mounts[0]
    this.#rest = rest
    this.#innermostFirst = [...mounts].sort((a, b) => b.sandbox.length - a.sandbox.length)
    const named = (root: (mount: TreeMount) => string) =>
      mounts.map((mount) => ({ root: root(mount), sandbox: mount.sandbox }))
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
   * `ARGUMENT_INVALID` for one that no file system can hold, and for `~`, which only a shell takes for the home directory.
   */
  locate(path: string): Place {
    const inside = this.#inside(path)
    const inWorkspace = below(inside, this.#workspace.sandbox)
    for (const mount of this.#innermostFirst) {
      const rest = below(inside, mount.sandbox)
      if (rest === undefined) continue
      const { tree, at = '', alias } = mount
      const shown = inWorkspace === undefined ? under(alias, rest) : asAsked(inWorkspace)
      return { tree, path: treePath(at === '' ? rest : under(at, rest)), shown, inside }
    }
    return { tree: this.#rest, path: treePath(inside.slice(1)), shown: inside, inside }
  }

  /** The working directory that a command asks for; the workspace without one. */
  workdir(path: string | undefined): string {
    if (path === undefined || path === '') return this.#workspace.sandbox
    if (path.trim() === '') {
      throw argumentInvalid('workdir is blank', 'Leave workdir out to use the workspace.')
    }
    return this.locate(path).inside
  }

  /** The absolute path in the sandbox that is meant. */
  #inside(path: string): string {
    if (path === '') throw pathInvalid(path, 'it is empty')
    if (isHome(path)) throw homePath(path)
    if (!isAbsolute(path)) return under(this.#workspace.sandbox, givenPath(path))
    const clean = `/${givenPath(path.replace(/^\/+/, ''))}`
    for (const { root, sandbox } of this.#names) {
      const rest = below(clean, root)
      if (rest !== undefined) return under(sandbox, rest)
    }
    return clean
  }
}

const isHome = (path: string) => /^~(?:\/|$)/.test(path)

/** How a path relative to the workspace is asked for. */
const asAsked = (path: string) => (isHome(path) ? `./${path}` : path || '.')

const under = (root: string, rest: string) => (rest === '' ? root : `${root}/${rest}`)

/** The rest of `path` when it is `root` or below it; the comparison is by whole components. */
function below(path: string, root: string): string | undefined {
  const rest = relative(root, path)
  return rest === '..' || rest.startsWith('../') ? undefined : rest
}
