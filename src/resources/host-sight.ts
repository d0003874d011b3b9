/**
 * What lies in the workspace's directory on the host, seen without reading any file: cheap enough to
 * look again and again, and nothing outside is ever looked at or watched.
 */
import { isSandboxError } from '../errors.ts'
import { type Tree, type TreePath, treePath, treeRoot } from '../tree.ts'
import type { HostRoot } from '../trees/host-walk.ts'
import { HostTrail, type ListeningPost } from './host-trail.ts'
import { PathWatch } from './path-watch.ts'
import type {
  FileFacts,
  KindAt,
  Look,
  Named,
  OnChange,
  Sight,
  SightWalk,
  Watch,
  WatchTimes,
} from './sight.ts'

/** A directory of so many names is kept until another of that kind is listed. */
const keptFrom = 500

export class HostSight implements Sight {
  readonly isReady = true
  readonly #root: HostRoot
  #kept: { path: TreePath; signature: string; names: readonly Named[] } | undefined

  constructor(root: HostRoot) {
    this.#root = root
  }

  async ready(): Promise<void> {}

  walk(tree: Tree): SightWalk {
    const trail = this.trail()
    return {
      read: async (path, range) => trail.read(path, range) ?? tree.read(path, range),
      expect: () => {},
      close: () => trail.close(),
      names: (path) => this.names(path, trail),
      files: async (path, names) => {
        const files = names.filter(({ kind }) => kind === 'file').map(({ name }) => name)
        const facts = trail.files(path, files)
        for (const { name, kind } of names) {
          const file = kind === 'link' ? await throughLink(tree, path, name) : undefined
          if (file !== undefined) facts.set(name, file)
        }
        return facts
      },
    }
  }

  /** Looks again every two seconds, and at once where the system tells of changes. */
  watch(_: 'files' | 'listing', onChange: OnChange, times?: WatchTimes): Watch {
    return new PathWatch(this, onChange, times)
  }

  async kinds(paths: readonly TreePath[]): Promise<readonly KindAt[]> {
    return paths.map((path) => {
      const { kind } = this.look(path)
      return kind === 'refused' ? 'other' : kind
    })
  }

  /**
   * Looks at what `path` leads to, links followed as a `Tree` follows them. `listen` gets the deepest
   * directory on the way that is there.
   */
  look(path: TreePath, listen?: (post: ListeningPost) => void, on?: HostTrail): Look {
    return this.#on(on, (trail) => trail.look(path, listen))
  }

  async names(path: TreePath, on?: HostTrail): Promise<readonly Named[]> {
    return this.#on(on, (trail) => this.#names(path, trail))
  }

  /** For looks at many paths; whoever asks closes it soon, because it may see directories that have been moved meanwhile. */
  trail(): HostTrail {
    return new HostTrail(this.#root)
  }

  #on<T>(given: HostTrail | undefined, use: (trail: HostTrail) => T): T {
    if (given !== undefined) return use(given)
    const trail = this.trail()
    try {
      return use(trail)
    } finally {
      trail.close()
    }
  }

  #names(path: TreePath, trail: HostTrail): readonly Named[] {
    const before = this.look(path, undefined, trail)
    if (this.#kept?.path === path && this.#kept.signature === before.signature) {
      return this.#kept.names
    }
    const names = trail.names(path)
    if (names.length >= keptFrom && !before.unsettled) {
      this.#kept = { path, signature: before.signature, names }
    }
    return names
  }
}

async function throughLink(
  tree: Tree,
  directory: TreePath,
  name: string,
): Promise<FileFacts | undefined> {
  try {
    const stat = await tree.stat(treePath(directory === treeRoot ? name : `${directory}/${name}`))
    return stat.kind === 'file' ? stat : undefined
  } catch (error) {
    if (isSandboxError(error)) return undefined
    throw error
  }
}
