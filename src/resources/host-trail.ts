/** Looks at one path of the workspace on the host after another; what they share is gone through once. */
import { isUtf8 } from 'node:buffer'
import { type Dirent, lstatSync, readdirSync } from 'node:fs'
import { isSandboxError } from '../errors.ts'
import { notADirectory } from '../file-errors.ts'
import { byteText } from '../ignore/pattern.ts'
import type { ByteRange, FileContent, TreePath } from '../tree.ts'
import { readFailure } from '../trees/host-failure.ts'
import { readPlace } from '../trees/host-tree.ts'
import { type HostRoot, HostWalk, type Place } from '../trees/host-walk.ts'
import { isTemporaryName } from '../trees/temporary-name.ts'
import { clockTickMs, type FileFacts, type Look, type Named } from './sight.ts'

/** A directory to listen at for changes of what was looked at; `at` is good during the look only. */
export interface ListeningPost {
  readonly identity: string
  readonly at: string
}

export class HostTrail {
  readonly #root: HostRoot
  #walk: HostWalk | undefined

  constructor(root: HostRoot) {
    this.#root = root
  }

  /** As `HostSight.look`. */
  look(path: TreePath, listen?: (post: ListeningPost) => void): Look {
    try {
      const place = this.#along(path)
      if (listen !== undefined) listen(listeningPost(place))
      return lookAt(place)
    } catch (error) {
      const failure = readFailure(path, error)
      const code = isSandboxError(failure) ? failure.code : String(failure)
      if (code === 'FILE_NOT_FOUND') return { signature: '', kind: 'absent', unsettled: false }
      return { signature: code, kind: 'refused', unsettled: false }
    }
  }

  /** As `Sight.names`. */
  names(path: TreePath): readonly Named[] {
    try {
      const { inner } = this.#along(path)
      if (inner === undefined) throw notADirectory(path)
      const entries = readdirSync(inner.at('.'), { withFileTypes: true, encoding: 'buffer' })
      this.#walk?.confirm(inner, path)
      return entries.flatMap(named).sort((a, b) => (a.key < b.key ? -1 : 1))
    } catch (error) {
      throw readFailure(path, error)
    }
  }

  /** Those that are regular files. */
  files(path: TreePath, names: readonly string[]): Map<string, FileFacts> {
    const facts = new Map<string, FileFacts>()
    try {
      const { inner } = this.#along(path)
      if (inner === undefined) return facts
      for (const name of names) {
        const entry = lstatSync(inner.at(name), { throwIfNoEntry: false })
        if (entry?.isFile()) facts.set(name, { size: entry.size, modifiedMs: entry.mtimeMs })
      }
      this.#walk?.confirm(inner, path)
      return facts
    } catch (error) {
      const failure = readFailure(path, error)
      if (isSandboxError(failure)) return new Map()
      throw failure
    }
  }

  /** As `HostTree.read`; undefined where that has to say why it cannot. */
  read(path: TreePath, range?: ByteRange): FileContent | undefined {
    try {
      const { entry, ...place } = this.#along(path)
      if (entry === undefined || this.#walk === undefined) return undefined
      return readPlace(path, { ...place, entry }, this.#walk, range)
    } catch {
      return undefined
    }
  }

  close(): void {
    this.#walk?.close()
    this.#walk = undefined
  }

  #along(path: TreePath): Place {
    this.#walk ??= new HostWalk(this.#root)
    return this.#walk.along(path)
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
