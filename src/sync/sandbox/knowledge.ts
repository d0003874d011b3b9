/**
 * What is known of a sandbox, as its answers have told it one after another. They are relative to the listing
 * that the sandbox keeps, and what is recent is found beside that: so both are kept.
 */

import { copied, Pace, type Steps } from '../slices.ts'
import type { DetailAnswer, ScanAnswer } from './answers.ts'
import { changedOf, placeOf } from './lines.ts'
import type { Merged } from './recent-changes.ts'
import type { KnownLines } from './snapshot.ts'
import { tickSeconds } from './vantage.ts'

/** What a listing has changed about what is known. */
export interface Learned {
  readonly isChanged: boolean
  /** False when the answer does not tell all that is not known any more: all has to be listed anew. */
  readonly isAllThere: boolean
}

/** Whoever begins one of the steps sees them through: half of an answer is none. */
export class SandboxKnowledge implements KnownLines {
  #listed = new Map<string, string>()
  /** Those that there are now; the very same until something was found among what is recent. */
  #lines = this.#listed
  #contents = new Map<string, string>()
  #unsettled: string[] = []

  get lines(): ReadonlyMap<string, string> {
    return this.#lines
  }

  get contents(): ReadonlyMap<string, string> {
    return this.#contents
  }

  /** Files that were hashed so soon after a change that another could have left no trace. */
  get unsettled(): readonly string[] {
    return this.#unsettled
  }

  /**
   * Takes in a listing. `isLocal` as `hashed` has it. `settled` are digests of what can have left the same line in no
   * other way, which are known with a listing of all alone; they become what is known.
   */
  *learn(
    { now, isAll, added, removed, digests, targets }: ScanAnswer,
    isLocal: boolean,
    settled: Map<string, string> = new Map(),
  ): Steps<Learned> {
    const pace = new Pace()
    let isChanged = isAll || added.length > 0 || removed.length > 0
    // The answer is relative to the listing, and so must be what it is put on top of.
    const unlisted: string[] = []
    if (this.#lines !== this.#listed) {
      isChanged = true
      for (const [key, line] of this.#listed) {
        if (pace.isDue) yield
        if (this.#lines.get(key) !== line) unlisted.push(key)
      }
      for (const [key] of this.#lines) {
        if (pace.isDue) yield
        if (!this.#listed.has(key)) unlisted.push(key)
      }
      this.#lines = this.#listed
    }
    if (isAll) {
      this.#lines = this.#listed = new Map()
      this.#contents = settled
    }
    for (const path of unlisted) this.#contents.delete(path)
    for (const line of removed) {
      if (pace.isDue) yield
      const { key, path } = placeOf(line)
      if (this.#lines.get(key) === line) this.#lines.delete(key)
      this.#contents.delete(path)
    }
    const told = new Set<string>()
    for (const line of added) {
      if (pace.isDue) yield
      const { key, path } = placeOf(line)
      this.#lines.set(key, line)
      if (isAll) continue
      this.#contents.delete(path)
      told.add(key)
    }
    const isOther = yield* this.hashed({ digests, targets }, now, isLocal)
    // What is as it was listed after having been otherwise is in no answer.
    const isAllThere = isAll || unlisted.every((key) => told.has(key) || !this.#lines.has(key))
    return { isChanged: isOther || isChanged, isAllThere }
  }

  /** Takes in what was found among what is recent; the paths of which another content may be known now. */
  *found(merged: Merged, contents: Contents, now: number): Steps<readonly string[]> {
    // What was listed stays as it is: the next listing is told as what is different from it.
    const lines = this.#lines === this.#listed ? yield* copied(this.#listed) : this.#lines
    for (const path of merged.gone) lines.delete(path)
    for (const [path, line] of merged.lines) lines.set(path, line)
    this.#lines = lines
    const changed = [...merged.gone, ...merged.lines.keys()]
    const touched = [...changed, ...this.#unsettled]
    for (const path of changed) this.#contents.delete(path)
    yield* this.hashed(contents, now, true)
    return touched
  }

  /**
   * Takes in contents that were looked at after `now`, among them those of all that was not settled; whether one
   * of these has changed. `isLocal` says that ctimes are those of the sandbox's clock.
   */
  *hashed({ digests, targets }: Contents, now: number, isLocal: boolean): Steps<boolean> {
    const pace = new Pace()
    let isChanged = false
    for (const path of this.#unsettled) {
      if (digests.get(path) !== this.#contents.get(path)) isChanged = true
      this.#contents.delete(path)
    }
    for (const contents of [digests, targets]) {
      for (const [path, content] of contents) {
        if (pace.isDue) yield
        this.#contents.set(path, content)
      }
    }
    this.#unsettled = []
    for (const path of digests.keys()) {
      if (pace.isDue) yield
      const line = this.#lines.get(path)
      if (line === undefined || isSettled(line, now, isLocal)) continue
      this.#unsettled.push(path)
    }
    return isChanged
  }
}

/** Digests of files and targets of links, by path. */
type Contents = Pick<DetailAnswer, 'digests' | 'targets'>

/** Whether a change after `now` must leave another ctime than the one that the line tells. */
function isSettled(line: string, now: number, isLocal: boolean): boolean {
  const changed = changedOf(line)
  // Some file systems count whole seconds.
  const isFine = isLocal && !Number.isInteger(changed)
  return isFine ? changed < now - tickSeconds : changed < Math.floor(now) - 1
}
