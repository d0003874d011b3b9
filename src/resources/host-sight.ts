/**
 * What lies in the workspace's directory on the host, seen without reading any file: cheap enough to
 * look again and again, and nothing outside is ever looked at or watched.
 */
import { isUtf8 } from 'node:buffer'
import { type Dirent, lstatSync, readdirSync } from 'node:fs'
import { isSandboxError } from '../errors.ts'
import { notADirectory } from '../file-errors.ts'
import { byteText } from '../ignore/pattern.ts'
import { type Tree, type TreePath, treePath, treeRoot } from '../tree.ts'
import { readFailure } from '../trees/host-failure.ts'
import { type HostRoot, HostWalk, type Place } from '../trees/host-walk.ts'
import { isTemporaryName } from '../trees/temporary-name.ts'
import { PathWatch } from './path-watch.ts'
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

/** A directory to listen at for changes of what was looked at; `at` is good during the look only. */
export interface ListeningPost {
  readonly identity: string
  readonly at: string
}

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
    return {
      read: (path, range) => tree.read(path, range),
      expect: () => {},
      names: (path) => this.names(path),
      files: async (path, names) => {
        const facts = this.#files(
          path,
          names.filter(({ kind }) => kind === 'file').map(({ name }) => name),
        )
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
  look(path: TreePath, listen?: (post: ListeningPost) => void): Look {
    let walk: HostWalk | undefined
    try {
      walk = new HostWalk(this.#root)
      const place = walk.resolve(path)
      if (listen !== undefined) listen(listeningPost(place))
      return lookAt(place)
    } catch (error) {
      const failure = readFailure(path, error)
      const code = isSandboxError(failure) ? failure.code : String(failure)
      if (code === 'FILE_NOT_FOUND') return { signature: '', kind: 'absent', unsettled: false }
      return { signature: code, kind: 'refused', unsettled: false }
    } finally {
      walk?.close()
    }
  }

  async names(path: TreePath): Promise<readonly Named[]> {
    const before = this.look(path)
    if (this.#kept?.path === path && this.#kept.signature === before.signature) {
      return this.#kept.names
    }
    const names = this.#read(path)
    if (names.length >= keptFrom && !before.unsettled) {
      this.#kept = { path, signature: before.signature, names }
    }
    return names
  }

  /** Those that are regular files, one look at the directory for all. */
  #files(path: TreePath, names: readonly string[]): Map<string, FileFacts> {
    const facts = new Map<string, FileFacts>()
    let walk: HostWalk | undefined
    try {
      walk = new HostWalk(this.#root)
      const { inner } = walk.resolve(path)
      if (inner === undefined) return facts
      for (const name of names) {
        const entry = lstatSync(inner.at(name), { throwIfNoEntry: false })
        if (entry?.isFile()) facts.set(name, { size: entry.size, modifiedMs: entry.mtimeMs })
      }
      walk.confirm(inner, path)
      return facts
    } catch (error) {
      const failure = readFailure(path, error)
      if (isSandboxError(failure)) return new Map()
      throw failure
    } finally {
      walk?.close()
    }
  }

  #read(path: TreePath): readonly Named[] {
    let walk: HostWalk | undefined
    try {
      walk = new HostWalk(this.#root)
      const { inner } = walk.resolve(path)
      if (inner === undefined) throw notADirectory(path)
      const entries = readdirSync(inner.at('.'), { withFileTypes: true, encoding: 'buffer' })
      walk.confirm(inner, path)
      return entries.flatMap(named).sort((a, b) => (a.key < b.key ? -1 : 1))
    } catch (error) {
      throw readFailure(path, error)
    } finally {
      walk?.close()
    }
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

function listeningPost({ directory }: Place): ListeningPost {
  const at = directory.at('.')
  const { dev, ino, birthtimeMs } = lstatSync(at)
  // A number is given again once its directory is gone; the time of birth is not.
  return { identity: `${dev}:${ino}:${birthtimeMs}`, at }
}

function lookAt({ entry }: Place): Look {
  if (entry === undefined) return { signature: '', kind: 'absent', unsettled: false }
  const kind = entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : 'other'
  const { dev, ino, size, mtimeMs, ctimeMs } = entry
  return {
    signature: [kind, dev, ino, size, mtimeMs, ctimeMs].join(),
    kind,
    unsettled: Date.now() - Math.max(mtimeMs, ctimeMs) < clockTickMs,
  }
}

function named(entry: Dirent<Buffer>): Named[] {
  if (!isUtf8(entry.name)) return []
  const name = entry.name.toString()
  if (name === '.git' || isTemporaryName(name)) return []
  const key = byteText(name)
  if (entry.isFile()) return [{ name, kind: 'file', key }]
  if (entry.isDirectory()) return [{ name, kind: 'directory', key: `${key}/` }]
  return entry.isSymbolicLink() ? [{ name, kind: 'link', key }] : []
}
