/**
 * Some changes on their way to the host's disk: resolved, staged as temporary files, and put in
 * place or taken back together. The invariant: until `commit` no name that anybody uses has changed
 * but for directories made, and `rollBack` undoes all there is.
 */
import { accessSync, closeSync, constants, fsync, rmdirSync, statSync, unlinkSync } from 'node:fs'
import { promisify } from 'node:util'
import { cancelled } from '../errors.ts'
import { fileExists, fileStale, notAFile, sameFileTwice } from '../file-errors.ts'
import type { Change, Replaced } from '../tree.ts'
import { Turn } from '../turn.ts'
import { contentFound, type Found, isUntouched } from './host-before.ts'
import { type Made, makeMissing, syncDirectory } from './host-directories.ts'
import { kindName, writeFailure } from './host-failure.ts'
import { readRange, withFile } from './host-file.ts'
import { identities } from './host-identities.ts'
import { putInPlace, type Undo } from './host-replace.ts'
import { type Owner, writeTemporary } from './host-temporary.ts'
import { type Directory, type HostRoot, HostWalk, type Place } from './host-walk.ts'

interface Step {
  readonly change: Change
  readonly place: Place
  directory: Directory
  /** Name of the file in `directory` that becomes the new one. */
  staged?: string
  /** What was there when it was checked last. */
  found?: Found
}

const fsyncDone = promisify(fsync)
/** How many files wait for the disk at once. */
const stageAtOnce = 32

export class HostBatch {
  readonly #owner: Owner | undefined
  readonly #walk: HostWalk
  readonly #steps: Step[] = []
  readonly #made: Made[] = []
  readonly #undos: Undo[] = []

  /** `owner` is who new files are given to; without it they stay the process's. */
  constructor(host: HostRoot, owner: Owner | undefined) {
    this.#owner = owner
    this.#walk = new HostWalk(host)
  }

  /** Names the root beyond its path, for the lock. */
  get rootIdentity(): string {
    const { dev, ino } = statSync(this.#walk.root.at('.'), { bigint: true })
    return `${dev}:${ino}`
  }

  /** Finds where each change leads. Refuses two that lead to one file. */
  async resolve(changes: readonly Change[]): Promise<void> {
    const seen = new Map<string, string>()
    const turn = new Turn()
    for (const change of changes) {
      await turn.share()
      const path = change.path
      this.#step(path, () => {
        const target = this.#walk.resolve(path)
        const place = change.after === 'absent' ? this.#walk.resolve(path, 'keep') : target
        const { entry, directory } = place
        const removesLink = change.after === 'absent' && entry?.isSymbolicLink()
        if (entry !== undefined && !entry.isFile() && !removesLink) {
          throw notAFile(path, kindName(entry))
        }
        this.#steps.push({ change, place, directory })
        for (const key of identities(path, place)) {
          const other = seen.get(key)
          if (other !== undefined) throw sameFileTwice(path, other)
          seen.set(key, path)
        }
      })
    }
  }

  /** What is where the only change leads, whose content is `bytes`. One that cannot be read is another. */
  found(bytes: Uint8Array): Replaced {
    const [step] = this.#steps
    if (step?.place.entry === undefined) return 'absent'
    const { place, change } = step
    try {
      this.#walk.confirm(place.directory, change.path)
      return withFile(place.directory.at(place.name), (file) => {
        if (!file.stats.isFile() || file.stats.size !== bytes.length) return 'other'
        // One byte more tells that it has grown.
        return readRange(file, 0, bytes.length + 1).equals(bytes) ? 'same' : 'other'
      })
    } catch {
      return 'other'
    }
  }

  /** Throws unless every `before` holds now. */
  async check(): Promise<void> {
    const stale: string[] = []
    let existing: string | undefined
    const turn = new Turn()
    for (const step of this.#steps) {
      await turn.share()
      const { path, before } = step.change
      if (before === 'anything') continue
      step.found = this.#step(path, () => contentFound(this.#walk, step))
      const { digest } = step.found
      if (before === 'absent') {
        if (digest !== undefined) existing ??= path
      } else if (digest !== before.digest) stale.push(path)
    }
    if (stale.length > 0) throw fileStale(stale)
    if (existing !== undefined) throw fileExists(existing)
  }

  /** Makes missing directories, and writes what is new beside its place, durably. */
  async stage(signal: AbortSignal | undefined): Promise<void> {
    const turn = new Turn()
    for (let start = 0; start < this.#steps.length; start += stageAtOnce) {
      if (signal?.aborted) throw cancelled('the change')
      const waits: Promise<void>[] = []
      for (const step of this.#steps.slice(start, start + stageAtOnce)) {
        if (step.change.after === 'absent') continue
        // To make a file takes long while the disk is at the ones before it.
        await turn.share()
        const wait = this.#write(step, step.change.after)
        wait.catch(() => {})
        waits.push(wait)
      }
      // All have ended before one is reported: none still writes while the batch is rolled back.
      for (const wait of await Promise.allSettled(waits)) {
        if (wait.status === 'rejected') throw wait.reason
      }
    }
  }

  /** Puts everything in place. Whatever it throws, `rollBack` must follow. */
  async commit(): Promise<void> {
    const turn = new Turn()
    for (const step of this.#steps) {
      await turn.share()
      // Where its directory is missing there is nothing to delete; its name must not be looked up higher.
      if (step.change.after === 'absent' && step.place.missing.length > 0) continue
      this.#step(step.change.path, () => {
        this.#walk.confirm(step.directory, step.change.path)
        this.#checkAgain(step)
        const undo = putInPlace({
          directory: step.directory,
          name: step.place.name,
          staged: step.staged,
          existing: step.place.entry,
          mustBeNew: step.change.before === 'absent',
          undoable: this.#steps.length > 1,
          path: step.change.path,
        })
        delete step.staged
        if (undo !== undefined) this.#undos.push(undo)
      })
    }
  }

  /** Makes the new names durable, and drops what could have restored the old ones. */
  async settle(): Promise<void> {
    const directories = new Set(this.#steps.map((step) => step.directory))
    for (const made of this.#made) directories.add(made.directory)
    await Promise.all([...directories].map(syncDirectory))
    const turn = new Turn()
    for (const undo of this.#undos.splice(0)) {
      await turn.share()
      quietly(() => undo.forget())
    }
    this.#made.length = 0
  }

  /** Restores what was, as far as others left it alone. Can be repeated. */
  async rollBack(): Promise<void> {
    const turn = new Turn()
    for (const undo of this.#undos.splice(0).reverse()) {
      await turn.share()
      quietly(() => undo.restore())
    }
    for (const step of this.#steps) {
      const { directory, staged } = step
      if (staged === undefined) continue
      await turn.share()
      quietly(() => unlinkSync(directory.at(staged)))
      delete step.staged
    }
    // A directory that somebody uses meanwhile is not empty, and stays.
    for (const { directory, name } of this.#made.splice(0).reverse()) {
      quietly(() => rmdirSync(directory.at(name)))
    }
  }

  close(): void {
    this.#walk.close()
  }

  #step<T>(path: string, run: () => T): T {
    try {
      return run()
    } catch (error) {
      throw writeFailure(path, error)
    }
  }

  /** Since all were checked others have had time to write to it. */
  #checkAgain(step: Step): void {
    const { path, before } = step.change
    if (typeof before === 'string' || isUntouched(step.found)) return
    if (contentFound(this.#walk, step).digest !== before.digest) throw fileStale([path])
  }

  async #write(step: Step, after: Exclude<Change['after'], 'absent'>): Promise<void> {
    const { change, place } = step
    try {
      step.directory = makeMissing(this.#walk, place, this.#owner, this.#made)
      this.#walk.confirm(step.directory, change.path)
      if (place.entry !== undefined) accessSync(place.directory.at(place.name), constants.W_OK)
      const { name, descriptor } = writeTemporary(step.directory, after, place.entry, this.#owner)
      step.staged = name
      await fsyncDone(descriptor).finally(() => closeSync(descriptor))
    } catch (error) {
      throw writeFailure(change.path, error)
    }
  }
}

/** For clearing up, where an error must not hide the one being reported. */
function quietly(run: () => void): void {
  try {
    run()
  } catch {}
}
