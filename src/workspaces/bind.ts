/**
 * The sandbox mounts the host's directories: files of the workspace are read and written on the host,
 * which is quick and needs no engine, and all other files inside.
 */
import type { Backend, OpenContext, Sandbox, SandboxSpec } from '../sandbox.ts'
import type { Tree } from '../tree.ts'
import { aliases, type Located, type News, type Opened, type Workspace } from '../workspace.ts'
import { MountTable } from './mount-table.ts'

export class BindWorkspace implements Workspace {
  readonly files: Tree
  readonly #choose: (signal: AbortSignal) => Promise<Backend>
  readonly #spec: SandboxSpec
  readonly #table: MountTable
  readonly #inside: Tree
  #backend: Backend | undefined

  /** `trees` are those of the mounts, on the host; `inside` is the one of the sandbox's `/`. */
  constructor(
    choose: (signal: AbortSignal) => Promise<Backend>,
    spec: SandboxSpec,
    trees: readonly [Tree, ...Tree[]],
    inside: Tree,
  ) {
    this.#choose = choose
    this.#spec = spec
    this.#inside = inside
    this.files = trees[0]
    const [first, ...others] = spec.mounts.map(({ host, sandbox }, i) => {
      const tree = trees[i]
      if (tree === undefined) throw new Error(`${sandbox} has no tree`)
      const alias = i === 0 ? aliases.workspace : sandbox
      return { tree, sandbox, alias, host }
    })
    if (first === undefined) throw new Error('a sandbox has a workspace')
    this.#table = new MountTable([first, ...others], inside)
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
