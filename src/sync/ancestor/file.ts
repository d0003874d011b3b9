/**
 * What both sides of a workspace last agreed on, kept on the host. A file that cannot be believed
 * whole is not believed at all: without an ancestor a sync deletes nothing.
 */
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setAside } from '../../set-aside.ts'
import type { TreePath } from '../../tree.ts'
import { errnoOf } from '../../trees/host-failure.ts'
import { inSlices } from '../slices.ts'
import { type Snapshot, sameEntry, sameSnapshot } from '../snapshot.ts'
import { changesText, readChanges } from './changes.ts'
import { type Agreement, readAncestor, writeAncestor } from './text.ts'

/** Fewer entries than this are written anew each time, and so are all after more changes than this. */
const fewEntries = 500
const mostChanges = 500

export interface KnownAncestor {
  /** Empty when nothing is known to have been agreed on. */
  readonly snapshot: Snapshot
  /** Where a file was put that is damaged, or that another version wrote. */
  readonly setAside?: string
}

/** What was read or written last, and how it can be told from another. */
interface Known {
  readonly identity: string
  readonly snapshot: Snapshot
  /** The digest of the file, where it is of this pair, and where the snapshot differs from what is in it. */
  readonly base: string | undefined
  readonly changed: ReadonlySet<TreePath>
}

export class AncestorFile {
  readonly #path: string
  readonly #pair: string
  #known: Known | undefined

  /**
   * `pair` names both sides so that it is another when one of them is made anew: what was agreed on
   * with a sandbox that is gone says nothing about the next.
   */
  constructor(path: string, pair: string) {
    this.#path = path
    this.#pair = pair
  }

  /** Of what has changed since the file was written. */
  get #changes(): string {
    return `${this.#path}.changes`
  }

  /**
   * The very same snapshot as long as nobody wrote another. Rejects when there is a file that may not be
   * read; `CANCELLED` on the signal.
   */
  async read(signal?: AbortSignal): Promise<KnownAncestor> {
    const identity = this.#identity()
    if (identity === this.#known?.identity) return { snapshot: this.#known.snapshot }
    let file: FileHandle
    try {
      file = await open(this.#path)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return this.#learn({ identity })
      throw error
    }
    const found = await readAncestor(file, signal).finally(() => file.close())
    if (found !== undefined && found.pair !== this.#pair) return this.#learn({ identity })
    const changed = found && (await this.#withChanges(found))
    if (found !== undefined && changed !== undefined) {
      return this.#learn({ identity, base: found.sha256, snapshot: found.snapshot, changed })
    }
    const aside = setAside(this.#path)
    await rm(this.#changes, { force: true })
    return { snapshot: new Map(), setAside: aside }
  }

  /** Makes the changes in what was read; gives where they are. Undefined when they cannot be believed. */
  async #withChanges({ sha256, snapshot }: Agreement): Promise<Set<TreePath> | undefined> {
    const text = await readFile(this.#changes, 'utf8').catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    })
    if (text === undefined) return new Set()
    const read = readChanges(text)
    if (read === undefined) return undefined
    // A file that was written since has all that they say in it.
    if (read.base !== sha256) return new Set()
    for (const [path, entry] of read.changes) {
      if (entry === undefined) snapshot.delete(path)
      else snapshot.set(path, entry)
    }
    return new Set(read.changes.keys())
  }

  /**
   * Replaces it whole: a crash at any time leaves the old or the new. Gives what `read` gives from now on.
   * `changed` has every path at which it is another than what `read` gave last, where that is known to be few.
   * No signal ends it: what was changed on both sides is remembered.
   */
  async write(snapshot: Snapshot, changed?: ReadonlySet<TreePath>): Promise<Snapshot> {
    const known = this.#known
    const isKnown = known !== undefined && known.identity === this.#identity()
    if (!isKnown || known.base === undefined) return this.#writeAll(snapshot)
    const isSame = changed
      ? [...changed].every((path) => sameEntry(known.snapshot.get(path), snapshot.get(path)))
      : await inSlices(sameSnapshot(known.snapshot, snapshot))
    if (isSame) return known.snapshot
    const since = changed && new Set([...known.changed, ...changed])
    if (since === undefined || since.size > mostChanges || snapshot.size < fewEntries) {
      return this.#writeAll(snapshot)
    }
    const { base } = known
    const text = changesText(base, since, snapshot)
    await this.#replace(this.#changes, (file) => file.writeFile(text))
    return this.#learn({ identity: this.#identity(), base, snapshot, changed: since }).snapshot
  }

  async #writeAll(snapshot: Snapshot): Promise<Snapshot> {
    const write = (file: FileHandle) => writeAncestor(file, this.#pair, snapshot)
    const base = await this.#replace(this.#path, write)
    // Until they are gone they are known to be of another file.
    await rm(this.#changes, { force: true })
    return this.#learn({ identity: this.#identity(), base, snapshot }).snapshot
  }

  async #replace<T>(path: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
    const made = `${path}.${randomBytes(6).toString('hex')}`
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    try {
      const file = await open(made, 'wx', 0o600)
      let written: T
      try {
        written = await write(file)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(made, path)
      return written
    } catch (error) {
      await rm(made, { force: true })
      throw error
    }
  }

  #learn({
    identity,
    base = undefined,
    snapshot = new Map(),
    changed = new Set(),
  }: Pick<Known, 'identity'> & Partial<Known>): KnownAncestor {
    this.#known = { identity, base, snapshot, changed }
    return { snapshot }
  }

  #identity(): string {
    return `${identityOf(this.#path)} ${identityOf(this.#changes)}`
  }

  /** Nothing is agreed on any more. */
  async forget(): Promise<void> {
    await rm(this.#path, { force: true })
    await rm(this.#changes, { force: true })
  }
}

/** '' where there is no file. A file that was replaced is another, whatever its time says. */
function identityOf(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? '' : [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join()
}
