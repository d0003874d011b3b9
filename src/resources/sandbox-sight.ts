/**
 * What lies in a workspace inside a sandbox. A round trip may be long and the sandbox is not opened to
 * look again: a listing asks for many directories at once, and what is watched is looked at together.
 */
import { byteText } from '../ignore/pattern.ts'
import type { OpenContext } from '../sandbox.ts'
import { type ListedEntry, type Tree, type TreePath, treePath } from '../tree.ts'
import type { GlancedDirectory, Glimpse, SandboxGlance } from '../trees/sandbox-glance.ts'
import { SandboxWalk } from './sandbox-walk.ts'
import { SandboxWatch } from './sandbox-watch.ts'
import {
  clockTickMs,
  type FileFacts,
  type KindAt,
  type Look,
  type Named,
  type OnChange,
  type Sight,
  type SightWalk,
  type Watch,
  type WatchTimes,
} from './sight.ts'

/** The session's sandbox. */
export interface SandboxAccess {
  readonly isOpen: () => boolean
  readonly open: (context: OpenContext) => Promise<unknown>
}

/** A directory of so many names is kept until another of that kind is listed. */
const keptFrom = 500
/** What directories looked like when they were listed, for whoever watches them then. */
const rememberedLooks = 2_000

/** What was seen of a directory. */
export interface SeenInside {
  readonly names: readonly Named[]
  /** Of its files, by name; undefined when it is not new. */
  readonly facts: ReadonlyMap<string, FileFacts> | undefined
  readonly ignoreFile: Buffer | undefined
}

export class SandboxSight implements Sight {
  readonly #tree: Tree
  readonly #glance: SandboxGlance
  readonly #access: SandboxAccess
  readonly #looks = new Map<TreePath, Look>()
  /** Directories that changed, listed at once for all who want to know how. */
  readonly #listed = new Map<TreePath, readonly Named[]>()
  #kept: { path: TreePath; look: Look; seen: SeenInside } | undefined

  constructor(tree: Tree, glance: SandboxGlance, access: SandboxAccess) {
    this.#tree = tree
    this.#glance = glance
    this.#access = access
  }

  get isReady(): boolean {
    return this.#access.isOpen()
  }

  async ready(context: OpenContext): Promise<void> {
    await this.#access.open(context)
  }

  async names(path: TreePath): Promise<readonly Named[]> {
    const listed = this.#listed.get(path)
    this.#listed.delete(path)
    return listed ?? namesOf(await this.#tree.list(path))
  }

  async kinds(paths: readonly TreePath[]): Promise<readonly KindAt[]> {
    const stats = await this.#glance.stats(paths)
    return paths.map((path) => stats.get(path)?.kind ?? 'absent')
  }

  walk(tree: Tree): SightWalk {
    return new SandboxWalk(tree, this)
  }

  /** Files are looked at every five seconds, and all of it soon after a call. */
  watch(what: 'files' | 'listing', onChange: OnChange, times?: WatchTimes): Watch {
    return new SandboxWatch(this, what, onChange, times)
  }

  /** How it looked when it was listed. */
  remembered(path: TreePath): Look | undefined {
    return this.#looks.get(path)
  }

  async looks(paths: readonly TreePath[]): Promise<ReadonlyMap<TreePath, Look>> {
    const glimpses = await this.#glance.looks(paths)
    return new Map(paths.map((path) => [path, lookOf(glimpses.get(path))]))
  }

  /** Lists those directories together; `names` then answers for each once. */
  async listAhead(paths: readonly TreePath[]): Promise<void> {
    this.#listed.clear()
    for (let left = paths; left.length > 0; ) {
      const seen = await this.#glance.list(left)
      for (const [path, directory] of seen) this.#listed.set(path, namesOf(directory.entries))
      left = left.slice(Math.max(1, seen.size))
    }
  }

  /** What is in `paths`, none of which is reached through a link; at least in the first, if it is there. */
  async see(paths: readonly TreePath[]): Promise<ReadonlyMap<TreePath, SeenInside>> {
    const [first] = paths
    const kept = this.#kept
    if (kept !== undefined && first === kept.path) {
      const look = (await this.looks([first])).get(first)
      if (look?.signature === kept.look.signature) return new Map([[first, kept.seen]])
    }
    const all = new Map<TreePath, SeenInside>()
    for (const [path, directory] of await this.#glance.list(paths)) {
      const seen = seenOf(directory)
      const look = lookOf(directory.glimpse)
      all.set(path, seen)
      this.#remember(path, look)
      const { ignoreFile } = directory
      if (ignoreFile !== undefined) {
        const file = treePath(path === '' ? '.gitignore' : `${path}/.gitignore`)
        this.#remember(file, lookOf(ignoreFile.glimpse))
      }
      if (seen.names.length >= keptFrom && !look.unsettled) {
        this.#kept = { path, look, seen: { ...seen, facts: undefined } }
      }
    }
    return all
  }

  /** Size and time of the files that the paths lead to, inside. */
  async files(paths: readonly TreePath[]): Promise<ReadonlyMap<TreePath, FileFacts>> {
    const stats = paths.length === 0 ? new Map() : await this.#glance.stats(paths)
    return new Map([...stats].filter(([, { kind }]) => kind === 'file'))
  }

  #remember(path: TreePath, look: Look): void {
    this.#looks.delete(path)
    this.#looks.set(path, look)
    if (this.#looks.size <= rememberedLooks) return
    const [oldest] = this.#looks.keys()
    if (oldest !== undefined) this.#looks.delete(oldest)
  }
}

function lookOf(glimpse: Glimpse | undefined): Look {
  if (glimpse === undefined) return { signature: '', kind: 'absent', unsettled: false }
  const { signature, kind, ageMs } = glimpse
  return { signature, kind, unsettled: ageMs < clockTickMs }
}

function seenOf({ entries, ignoreFile }: GlancedDirectory): SeenInside {
  const facts = new Map<string, FileFacts>()
  for (const { name, kind, size, modifiedMs } of entries) {
    if (kind === 'file') facts.set(name, { size, modifiedMs })
  }
  return { names: namesOf(entries), facts, ignoreFile: ignoreFile?.bytes }
}

function namesOf(entries: readonly Pick<ListedEntry, 'name' | 'kind'>[]): readonly Named[] {
  return entries.flatMap(named).sort((a, b) => (a.key < b.key ? -1 : 1))
}

function named({ name, kind }: Pick<ListedEntry, 'name' | 'kind'>): Named[] {
  if (kind === 'other' || name === '.git') return []
  const key = byteText(name)
  return [{ name, kind, key: kind === 'directory' ? `${key}/` : key }]
}
