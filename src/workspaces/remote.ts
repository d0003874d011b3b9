/**
 * The sandbox holds the workspace: it is filled from the host once, and nothing ever comes back. Its
 * files are reached inside, like all others.
 */
import { sandboxLost, sandboxStartFailed } from '../errors.ts'
import { quote } from '../posix-sh.ts'
import type { Backend, OpenContext, Sandbox, SandboxSpec } from '../sandbox.ts'
import { runScript } from '../scripts/script.ts'
import type { LeavingOut } from '../sync/seed/archive.ts'
import { type Seeded, seedOnce } from '../sync/seed/seed.ts'
import type { Tree } from '../tree.ts'
import { SandboxGlance } from '../trees/sandbox-glance.ts'
import { exits } from '../trees/sandbox-scripts.ts'
import { SandboxTree, type ScriptRunner } from '../trees/sandbox-tree.ts'
import type { Located, News, Opened, Workspace } from '../workspace.ts'
import { MountTable, type TreeMount } from './mount-table.ts'
import { NamedTree } from './named-tree.ts'
import { seedNews } from './seed-news.ts'

export interface RemoteOptions {
  readonly choose: (signal: AbortSignal) => Promise<Backend>
  /** The host directories of its mounts are what the sandbox is filled from. */
  readonly spec: SandboxSpec
  /** What stays on the host when it is filled from that directory. */
  readonly rulesFor: (host: string) => LeavingOut
  /** The session's sandbox: open, and whole. */
  readonly opened: Opened
  readonly run: ScriptRunner
  /** Lets go of a sandbox that has no workspace any more, so that the next call opens it anew. */
  readonly abandon: (sandbox: Sandbox, error: Error) => Promise<void>
}

export class RemoteWorkspace implements Workspace {
  readonly files: Tree
  /** Many of them in one round trip. */
  readonly glance: SandboxGlance
  readonly #options: RemoteOptions
  readonly #trees: readonly Tree[]
  readonly #inside: Tree
  /** The seed that each mount was found or filled with last. */
  readonly #generations: (string | undefined)[] = []
  #news: News[] = []
  #backend: Backend | undefined

  constructor(options: RemoteOptions) {
    const { spec, opened, run } = options
    this.#options = options
    const inWorkspace: ScriptRunner = async (...script) => {
      const sandbox = await opened()
      const result = await run(...script)
      if (result.code === exits.noRoot) await this.#gone(sandbox)
      return result
    }
    const rootAt = (i: number) => async () => rootOf(await opened(), i)
    const named = (tree: Tree, root: string) => new NamedTree(tree, root, () => this.#table())
    const trees = spec.mounts.map(({ writable }, i) => {
      const root = rootAt(i)
      return new SandboxTree(inWorkspace, { root, lock: spec.name, readOnly: !writable })
    })
    this.glance = new SandboxGlance(inWorkspace, rootAt(0))
    this.files = trees[0] as Tree
    this.#trees = trees.map((tree, i) => named(tree, spec.mounts[i]?.sandbox ?? ''))
    this.#inside = named(new SandboxTree(run, { root: '/', lock: spec.name }), '')
  }

  async locate(path: string, opened: Opened): Promise<Located> {
    // What cannot be right is refused before anything is opened.
    this.#table().locate(path)
    return this.#table(await opened()).locate(path)
  }

  async workdir(path: string | undefined, opened: Opened): Promise<string> {
    this.#table().workdir(path)
    return this.#table(await opened()).workdir(path)
  }

  async open(context: OpenContext): Promise<Sandbox> {
    const { choose, spec, rulesFor } = this.#options
    this.#backend ??= await choose(context.signal)
    const sandbox = await this.#backend.open(spec, context)
    try {
      for (const [i, { host }] of spec.mounts.entries()) {
        const root = rootOf(sandbox, i)
        this.#seeded(i, await seedOnce(sandbox, { host, rules: rulesFor(host), root }, context))
      }
      return sandbox
    } catch (error) {
      await sandbox.close()
      throw error
    }
  }

  async check(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    for (const i of this.#options.spec.mounts.keys()) {
      const script = `[ -d ${quote(rootOf(sandbox, i))} ]`
      const { code } = await runScript(sandbox, script, undefined, signal)
      if (code === 1) throw workspaceGone(sandbox)
    }
  }

  takeNews(): readonly News[] {
    const news = this.#news
    this.#news = []
    return news
  }

  async remove(signal: AbortSignal): Promise<void> {
    await this.#backend?.remove(this.#options.spec.name, signal)
  }

  async #gone(sandbox: Sandbox): Promise<never> {
    const error = workspaceGone(sandbox)
    await this.#options.abandon(sandbox, error)
    throw error
  }

  #seeded(i: number, seeded: Seeded): void {
    const before = this.#generations[i]
    this.#generations[i] = seeded.generation
    const mount = this.#options.spec.mounts[i]
    if (mount === undefined) return
    this.#news.push(...seedNews(mount, seeded, before).map((text) => ({ text })))
  }

  /** Before the sandbox is open only its common names are known. */
  #table(sandbox?: Sandbox): MountTable {
    const [workspace, ...others] = this.#options.spec.mounts.map((mount, i): TreeMount => {
      const { host, sandbox: alias } = mount
      const root = sandbox === undefined ? alias : rootOf(sandbox, i)
      return { tree: this.#trees[i] as Tree, sandbox: root, alias, host }
    })
    return new MountTable([workspace as TreeMount, ...others], this.#inside)
  }
}

const workspaceGone = ({ name }: Sandbox) =>
  sandboxLost(name, 'somebody removed the directory of its workspace')

function rootOf(sandbox: Sandbox, mount: number): string {
  if (mount === 0) return sandbox.root
  if (mount === 1 && sandbox.agentRoot !== undefined) return sandbox.agentRoot
  throw sandboxStartFailed(
    `sandbox ${sandbox.name} has no directory for the read-only copy of the workspace`,
    'Recreate the sandbox, or use access "rw".',
  )
}
