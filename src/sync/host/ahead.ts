/**
 * What would take too long within a turn is done ahead of it: a large file that is replaced is read, and what
 * cannot be moved to its place, because another file system begins below the root, is copied beside it.
 */
import { rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from '../../trees/host-failure.ts'
import type { SyncChange } from '../reconcile/reconcile.ts'
import type { HostParents } from './parents.ts'
import { copiedNear } from './place.ts'
import type { StagedFile } from './stage.ts'
import { type ReadAhead, readAhead } from './verify.ts'

/** Whoever makes it closes it before the parents. */
export class HostAhead {
  readonly #parents: HostParents
  readonly #read = new Map<SyncChange, ReadAhead>()
  /** Names of copies of what is staged. */
  readonly #copies = new Map<SyncChange, string>()
  /** Why some of what is staged could not be copied. */
  readonly #failures = new Map<SyncChange, unknown>()

  constructor(parents: HostParents) {
    this.#parents = parents
  }

  /** `moved` is told of the bytes that are compared. `CANCELLED` on the signal. */
  async prepare(
    change: SyncChange,
    staged: StagedFile | undefined,
    moved: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (change.before?.kind === 'file') {
      // What cannot be read now is told by the attempt.
      await this.#tried(change, async (place) => {
        const read = await readAhead(place, moved, signal)
        if (read !== undefined) this.#read.set(change, read)
      })
    }
    if (staged === undefined) return
    const failure = await this.#tried(change, async (place) => {
      const copy = await copiedNear(staged.at, place, signal)
      if (copy !== undefined) this.#copies.set(change, basename(copy))
    })
    if (failure !== undefined) this.#failures.set(change, failure)
  }

  /** What `change` replaces, as far as it was read. */
  readOf(change: SyncChange): ReadAhead | undefined {
    return this.#read.get(change)
  }

  /** What is to be moved to `place`. Throws what the system said to the copy. */
  movable(change: SyncChange, staged: StagedFile, place: string): StagedFile {
    if (this.#failures.has(change)) throw this.#failures.get(change)
    const copy = this.#copies.get(change)
    return copy === undefined ? staged : { ...staged, at: join(dirname(place), copy) }
  }

  /** Removes the copies that took no place. */
  async close(): Promise<void> {
    for (const [change, copy] of this.#copies) {
      await this.#tried(change, async (place) => {
        rmSync(join(dirname(place), copy), { force: true })
      })
    }
  }

  /** The system's refusal, if there is one. */
  async #tried(change: SyncChange, run: (place: string) => Promise<void>): Promise<unknown> {
    try {
      const place = this.#parents.of(change.path)?.at(basename(change.path))
      if (place !== undefined) await run(place)
      return undefined
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return error
    }
  }
}
