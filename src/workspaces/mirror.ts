/**
 * The host's files and the sandbox's are two, and kept in step: before a command, after it, and while
 * something runs. The tools read and write on the host; what they write is sent on at once.
 */
import type { Backend, OpenContext, Sandbox, SandboxSpec } from '../sandbox.ts'
import type { Foretold, Scripts } from '../scripts/script.ts'
import type { Mirror } from '../sync/mirror.ts'
import type { Tree } from '../tree.ts'
import type { Located, Look, News, Opened, Workspace } from '../workspace.ts'
import { MountTable, type TreeMount } from './mount-table.ts'
import { NamedTree } from './named-tree.ts'
import { SentOnTree } from './sent-on-tree.ts'
import { SoonOnce } from './soon-once.ts'
import { SyncNews } from './sync-news.ts'

export interface MirrorWorkspaceOptions {
  readonly choose: (signal: AbortSignal) => Promise<Backend>
  readonly spec: SandboxSpec
  /** Of the mounts, on the host, and what keeps each in step. */
  readonly trees: readonly [Tree, ...Tree[]]
  readonly mirrors: readonly [Mirror, ...Mirror[]]
  /** The tree of the sandbox's `/`. */
  readonly inside: Tree
  /** Where the mounts are in the sandbox. */
  readonly roots: readonly string[]
  /** How to run scripts in the session's sandbox, if it is open. */
  readonly scripts: () => Scripts | undefined
}

export class MirrorWorkspace implements Workspace {
  readonly files: Tree
  readonly #options: MirrorWorkspaceOptions
  readonly #table: MountTable
  readonly #inside: Tree
  /** Of each mount: what is told of one is not told of another. */
  readonly #news: readonly SyncNews[]
  #backend: Backend | undefined
  readonly #sending = new SoonOnce(() => this.#send())

  constructor(options: MirrorWorkspaceOptions) {
    this.#options = options
    this.#news = options.spec.mounts.map(({ sandbox }) => new SyncNews(sandbox))
    const { spec, trees, inside, roots } = options
    this.files = new SentOnTree(trees[0], () => this.#sending.ask())
    const named = (tree: Tree, root: string) => new NamedTree(tree, root, () => this.#table)
    this.#inside = named(inside, '')
    const [workspace, ...others] = spec.mounts.map(({ host, sandbox: alias }, i): TreeMount => {
      const tree = named(i === 0 ? this.files : (trees[i] as Tree), alias)
      return { tree, sandbox: roots[i] ?? alias, alias, host }
    })
    this.#table = new MountTable([workspace as TreeMount, ...others], this.#inside)
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
    const { choose, spec } = this.#options
    this.#backend ??= await choose(context.signal)
    return this.#backend.open(spec, context)
  }

  async sync(scripts: Scripts, look: Look, context: OpenContext): Promise<boolean> {
    let isComplete = true
    for (const [i, mirror] of this.#options.mirrors.entries()) {
      const report = await mirror.sync(scripts, look, context)
      const news = this.#news[i]
      news?.add(report)
      if (!report.isComplete || news?.hasToldLinks(report.problems) === false) isComplete = false
    }
    return isComplete
  }

  async foretell(sandbox: Sandbox, signal: AbortSignal): Promise<Foretold | undefined> {
    return this.#options.mirrors[0].foretell(sandbox, signal)
  }

  takeNews(): readonly News[] {
    return this.#news.flatMap((news) => news.take())
  }

  async remove(signal: AbortSignal): Promise<void> {
    const { spec, mirrors } = this.#options
    await this.#backend?.remove(spec.name, signal)
    for (const mirror of mirrors) await mirror.forget()
  }

  async close(): Promise<void> {
    for (const mirror of this.#options.mirrors) await mirror.close()
  }

  /** A server that runs inside sees the file soon; a command that is started next sees it in any case. */
  #send(): void {
    const scripts = this.#options.scripts()
    if (scripts === undefined) return
    const context = { signal: new AbortController().signal, report: () => {} }
    this.sync(scripts, 'host', context).catch((error: unknown) => this.#news[0]?.failed(error))
  }
}
