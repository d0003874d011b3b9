/**
 * What both sides of a workspace last agreed on, kept on the host. A file that cannot be believed
 * whole is not believed at all: without an ancestor a sync deletes nothing.
 */
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setAside } from '../set-aside.ts'
import { errnoOf } from '../trees/host-failure.ts'
import { readAncestor, writeAncestor } from './ancestor-text.ts'
import { inSlices } from './slices.ts'
import { type Snapshot, sameSnapshot } from './snapshot.ts'

export interface KnownAncestor {
  /** Empty when nothing is known to have been agreed on. */
  readonly snapshot: Snapshot
  /** Where a file was put that is damaged, or that another version wrote. */
  readonly setAside?: string
}

export class AncestorFile {
  readonly #path: string
  readonly #pair: string
  /** What was read or written last, and how the file can be told from another. */
  #known: { readonly identity: string; readonly snapshot: Snapshot } | undefined

  /**
   * `pair` names both sides so that it is another when one of them is made anew: what was agreed on
   * with a sandbox that is gone says nothing about the next.
   */
  constructor(path: string, pair: string) {
    this.#path = path
    this.#pair = pair
  }

  /**
   * The very same snapshot as long as nobody wrote another. Rejects when there is a file that may not be
   * read; `CANCELLED` on the signal.
   */
  async read(signal?: AbortSignal): Promise<KnownAncestor> {
    const identity = identityOf(this.#path)
    if (identity === this.#known?.identity) return { snapshot: this.#known.snapshot }
    let file: FileHandle
    try {
      file = await open(this.#path)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return this.#learn('', new Map())
      throw error
    }
    const found = await readAncestor(file, signal).finally(() => file.close())
    if (found?.pair === this.#pair) return this.#learn(identity, found.snapshot)
    if (found !== undefined) return this.#learn(identity, new Map())
    return { snapshot: new Map(), setAside: setAside(this.#path) }
  }

  /**
   * Replaces it whole: a crash at any time leaves the old or the new. Gives what `read` gives from now on.
   * No signal ends it: what was changed on both sides is remembered.
   */
  async write(snapshot: Snapshot): Promise<Snapshot> {
    const known = this.#known
    if (known !== undefined && known.identity === identityOf(this.#path)) {
      const isSame = known.identity !== '' && inSlices(sameSnapshot(known.snapshot, snapshot))
      if (await isSame) return known.snapshot
    }
    const made = `${this.#path}.${randomBytes(6).toString('hex')}`
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    try {
      const file = await open(made, 'wx', 0o600)
      try {
        await writeAncestor(file, this.#pair, snapshot)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(made, this.#path)
      return this.#learn(identityOf(this.#path), snapshot).snapshot
    } catch (error) {
      await rm(made, { force: true })
      throw error
    }
  }

  #learn(identity: string, snapshot: Snapshot): KnownAncestor {
    this.#known = { identity, snapshot }
    return { snapshot }
  }

  /** Nothing is agreed on any more. */
  async forget(): Promise<void> {
    await rm(this.#path, { force: true })
  }
}

/** '' where there is no file. A file that was replaced is another, whatever its time says. */
function identityOf(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? '' : [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join()
}
