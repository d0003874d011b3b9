/** The files under one directory of this machine. */

import { isUtf8 } from 'node:buffer'
import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs'
import {
  fileDenied,
  fileNotFound,
  fileTooLarge,
  notADirectory,
  notAFile,
  readOnlyHere,
} from '../file-errors.ts'
import { canPin } from '../real-paths.ts'
import {
  type ByteRange,
  type Change,
  type FileContent,
  type ListedEntry,
  type Replaced,
  readLimitBytes,
  type Stat,
  type Tree,
  type TreePath,
} from '../tree.ts'
import { HostBatch } from './host-batch.ts'
import { errnoOf, kindName, readFailure } from './host-failure.ts'
import { readRange, readWhole, withFile } from './host-file.ts'
import type { Owner } from './host-temporary.ts'
import { type HostRoot, HostWalk, type Place } from './host-walk.ts'
import { isTemporaryName } from './temporary-name.ts'
import { finished } from './unfinished-changes.ts'
import { exclusively } from './workspace-lock.ts'

export interface HostTreeOptions {
  /** Real absolute path of the directory. */
  readonly root: string
  /** Who new files belong to, when this process may give files away. */
  readonly owner: Owner
  /** How the sandbox spells `root`: absolute links made inside are understood by it. */
  readonly sandboxRoot?: string
  /** Refuses every change. */
  readonly readOnly?: boolean
  /** False to do without `/proc` where there is one, with the weaker guarantee of `HostWalk`. */
  readonly pinned?: boolean
}

/**
 * A `Tree` of the host's own files. On Linux no link and no swap of a link, whenever it happens,
 * makes it read or change anything outside `root`; elsewhere that holds for links that lie still
 * (see `HostWalk`).
 *
 * Names that are not UTF-8 are not listed: no path can name them. Changes that rely on what was
 * there take turns with those of other server processes on the same directory; programs that write
 * to it in other ways are noticed up to the moment of the rename. A process that dies in the middle
 * of several changes can leave some of them made, each whole, and temporary files that are not listed.
 */
export class HostTree implements Tree {
  readonly #host: HostRoot
  readonly #owner: Owner | undefined
  readonly #readOnly: boolean

  constructor(options: HostTreeOptions) {
    const { root, sandboxRoot, owner, readOnly = false, pinned = canPin } = options
    this.#host = { path: root, sandboxRoot, pinned: pinned && canPin }
    this.#owner = process.getuid?.() === 0 ? owner : undefined
    this.#readOnly = readOnly
  }

  async stat(path: TreePath): Promise<Stat> {
    return this.#visit(path, ({ entry }) => ({
      kind: entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : 'other',
      size: entry.isFile() ? entry.size : 0,
      modifiedMs: entry.mtimeMs,
      executable: isExecutable(entry),
    }))
  }

  async read(path: TreePath, range?: ByteRange): Promise<FileContent> {
    return this.#visit(path, (place, walk) => readPlace(path, place, walk, range))
  }

  async list(path: TreePath): Promise<readonly ListedEntry[]> {
    return this.#visit(path, ({ inner, directory }, walk) => {
      if (inner === undefined) throw notADirectory(path)
      const names = readdirSync(inner.at('.'), { encoding: 'buffer' })
      walk.confirm(directory, path)
      const entries: ListedEntry[] = []
      for (const raw of names.filter((name) => isUtf8(name)).sort(Buffer.compare)) {
        const name = raw.toString()
        const entry = isTemporaryName(name) ? undefined : listed(inner.at(name), name)
        if (entry !== undefined) entries.push(entry)
      }
      return entries
    })
  }

  async apply(changes: readonly Change[], signal?: AbortSignal): Promise<void> {
    const [first, ...others] = changes
    if (first === undefined) return
    if (this.#readOnly) throw readOnlyHere(first.path)
    await this.#inBatch([first, ...others], (batch) => make(batch, signal))
  }

  async replace(path: TreePath, bytes: Uint8Array, signal?: AbortSignal): Promise<Replaced> {
    return this.#inBatch([{ path, before: 'anything', after: { bytes } }], async (batch) => {
      const found = batch.found(bytes)
      if (found === 'same') return found
      if (this.#readOnly) throw readOnlyHere(path)
      await make(batch, signal)
      return found
    })
  }

  /** Calls `use` with the changes, found out where they lead; what it has not finished is taken back. */
  #inBatch<T>(
    changes: readonly [Change, ...Change[]],
    use: (batch: HostBatch) => Promise<T>,
  ): Promise<T> {
    return finished(this.#batched(changes, use))
  }

  async #batched<T>(
    changes: readonly [Change, ...Change[]],
    use: (batch: HostBatch) => Promise<T>,
  ): Promise<T> {
    const batch = this.#begin(changes[0].path)
    try {
      await batch.resolve(changes)
      return await use(batch)
    } catch (error) {
      await batch.rollBack()
      throw error
    } finally {
      batch.close()
    }
  }

  #begin(path: string): HostBatch {
    try {
      return new HostBatch(this.#host, this.#owner)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw readFailure(path, error)
      throw fileDenied(path, 'the workspace directory is gone')
    }
  }

  /** Calls `use` with what is at `path`, again when it turned into a link before it was opened. */
  #visit<T>(path: TreePath, use: (place: Found, walk: HostWalk) => T): T {
    for (let tries = 1; ; tries++) {
      let walk: HostWalk | undefined
      try {
        walk = new HostWalk(this.#host)
        const place = walk.resolve(path)
        if (place.entry === undefined) throw fileNotFound(path)
        try {
          return use({ ...place, entry: place.entry }, walk)
        } catch (error) {
          if (errnoOf(error) === 'ELOOP' && tries < 40) continue
          throw error
        }
      } catch (error) {
        throw readFailure(path, error)
      } finally {
        walk?.close()
      }
    }
  }
}

async function make(batch: HostBatch, signal: AbortSignal | undefined): Promise<void> {
  await batch.check()
  await batch.stage(signal)
  // A change that relies on nothing takes its turn too: it must not come between the check and
  // the rename of one that does, nor see what is taken back.
  await exclusively(
    batch.rootIdentity,
    async () => {
      try {
        await batch.check()
        await batch.commit()
      } catch (error) {
        await batch.rollBack()
        throw error
      }
    },
    signal,
  )
  await batch.settle()
}

type Found = Place & { readonly entry: Stats }

function isExecutable(stats: Stats): boolean {
  return stats.isFile() && (stats.mode & 0o111) !== 0
}

/** What `HostTree.read` gives, of the file that `walk` has found at `path`. */
export function readPlace(
  path: TreePath,
  { directory, name, entry }: Found,
  walk: HostWalk,
  range: ByteRange | undefined,
): FileContent {
  if (!entry.isFile()) throw notAFile(path, kindName(entry))
  return withFile(directory.at(name), (file) => {
    walk.confirm(directory, path)
    const { stats } = file
    if (!stats.isFile()) throw notAFile(path, kindName(stats))
    const facts = { modifiedMs: stats.mtimeMs, executable: isExecutable(stats) }
    if (range === undefined) {
      const bytes = readWhole(file, readLimitBytes)
      if (bytes === undefined) throw fileTooLarge(path, stats.size, readLimitBytes)
      return { bytes, size: bytes.length, ...facts }
    }
    const length = Math.min(range.length, Math.max(0, stats.size - range.offset))
    if (length > readLimitBytes) throw fileTooLarge(path, length, readLimitBytes)
    return { bytes: readRange(file, range.offset, length), size: stats.size, ...facts }
  })
}

/** Undefined when it went away meanwhile. */
function listed(host: string, name: string): ListedEntry | undefined {
  const stats = lstatSync(host, { throwIfNoEntry: false })
  if (stats === undefined) return undefined
  const modifiedMs = stats.mtimeMs
  if (stats.isFile()) return { name, kind: 'file', size: stats.size, modifiedMs }
  if (stats.isDirectory()) return { name, kind: 'directory', size: 0, modifiedMs }
  if (!stats.isSymbolicLink()) return { name, kind: 'other', size: 0, modifiedMs }
  try {
    return { name, kind: 'link', size: 0, modifiedMs, target: readlinkSync(host) }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EINVAL') return undefined
    throw error
  }
}
