/**
 * The sandbox mounts the host's directories: files of the workspace are read and written on the host,
 * which is quick and needs no engine, and all other files inside.
 */
import type { Backend, Mount, OpenContext, Sandbox, SandboxSpec } from '../sandbox.ts'
import { type Tree, treePath } from '../tree.ts'
import { aliases, type Located, type News, type Opened, type Workspace } from '../workspace.ts'
import { MountTable, type TreeMount } from './mount-table.ts'
import { NamedTree } from './named-tree.ts'

export class BindWorkspace implements Workspace {
  readonly files: Tree
  readonly #choose: (signal: AbortSignal) => Promise<Backend>
  readonly #spec: SandboxSpec
  readonly #table: MountTable
  readonly #inside: Tree
  #backend: Backend | undefined

  /**
   * `trees` are those of the mounts, on the host: none for what is reached in the sandbox alone. `inside`
   * is the one of the sandbox's `/`.
   */
  constructor(
    choose: (signal: AbortSignal) => Promise<Backend>,
    spec: SandboxSpec,
    trees: readonly [Tree, ...(Tree | undefined)[]],
    inside: Tree,
  ) {
    this.#choose = choose
    this.#spec = spec
    const named = (tree: Tree, root: string) => new NamedTree(tree, root, () => this.#table)
    this.#inside = named(inside, '')
    this.files = trees[0]
    const [workspace, ...others] = spec.mounts
    const mounted = (mount: Mount, tree: Tree | undefined): TreeMount => ({
      ...mount,
      ...(tree === undefined
        ? { tree: this.#inside, at: treePath(mount.sandbox.slice(1)) }
        : { tree: named(tree, mount.sandbox) }),
      alias: mount === workspace ? aliases.workspace : mount.sandbox,
    })
    this.#table = new MountTable(
      [mounted(workspace, trees[0]), ...others.map((mount, i) => mounted(mount, trees[i + 1]))],
      this.#inside,
    )
  }

  async locate(path: string, opened: Opened): Promise<Located> {
    const place = this.#table.locate(path)
    if (place.tree === this.#inside) await opened()
    return place
  }

  async workdir(path: string | undefined): Promise<string> {
    return this.#table.workdir(path)
  }

  async open(context: OpenContext): Promise<Sandbox> {
    this.#backend ??= await this.#choose(context.signal)
    return this.#backend.open(this.#spec, context)
  }

  takeNews(): readonly News[] {
    return []
  }

  async remove(signal: AbortSignal): Promise<void> {
    await this.#backend?.remove(this.#spec.name, signal)
  }
}
