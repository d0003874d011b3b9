/**
 * Makes changes on the host, each only where it still holds what the change relies on. No link is followed, and at no
 * moment is content in no place: what is replaced or removed is kept in the stage until it is known that nobody wrote
 * to it meanwhile.
 */
import {
  fchmodSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { errnoOf } from '../../trees/host-failure.ts'
import { withFile } from '../../trees/host-file.ts'
import { isModeRefusal } from '../../trees/host-mode.ts'
import { giveAway, type Owner } from '../../trees/host-temporary.ts'
import type { Directory } from '../../trees/host-walk.ts'
import type { SyncChange } from '../reconcile/reconcile.ts'
import type { Entry } from '../snapshot.ts'
import { HostAhead } from './ahead.ts'
import { areKept } from './modes.ts'
import type { HostParents } from './parents.ts'
import { finish, inPlace, linked, newMode, putBack, withExecutable } from './place.ts'
import type { HostStage, StagedFile } from './stage.ts'
import { isSame, type Replaced, verified } from './verify.ts'

/** Whoever makes it closes it before the parents. */
export class HostChanges {
  readonly #content: ReadonlyMap<SyncChange, StagedFile>
  readonly #stage: HostStage
  readonly #owner: Owner | undefined
  readonly #parents: HostParents
  readonly #ahead: HostAhead
  #kept = 0

  /** `content` has a staged file for each change that needs one; without it the change is stale. */
  constructor(
    content: ReadonlyMap<SyncChange, StagedFile>,
    stage: HostStage,
    owner: Owner | undefined,
    parents: HostParents,
  ) {
    this.#content = content
    this.#stage = stage
    this.#owner = owner
    this.#parents = parents
    this.#ahead = new HostAhead(parents)
  }

  /** What would take too long in a turn. `moved` is told of the bytes that are compared. `CANCELLED` on the signal. */
  prepare(change: SyncChange, moved: (bytes: number) => void, signal: AbortSignal): Promise<void> {
    return this.#ahead.prepare(change, this.#content.get(change), moved, signal)
  }

  /** In `parent`, the directory that its path is in. False when it is stale. Throws what the system says. */
  make(change: SyncChange, parent: Directory): boolean {
    const { before, after } = change
    const place = parent.at(basename(change.path))
    if (before?.kind === 'directory') {
      if (after?.kind === 'directory') return true
      // What others have put into it keeps it.
      rmdirSync(place)
      this.#parents.removed(change.path)
      return after === undefined || this.#makeNew(change, after, this.#parents.of(change.path))
    }
    if (before === undefined) return after === undefined || this.#makeNew(change, after, parent)
    if (after === undefined || after.kind === 'directory') {
      if (!this.#takeAway(change, before, place)) return false
      return after === undefined || this.#makeNew(change, after, parent)
    }
    return this.#replace(change, before, after, place)
  }

  close(): Promise<void> {
    return this.#ahead.close()
  }

  #makeNew(change: SyncChange, entry: Entry, parent: Directory | undefined): boolean {
    if (parent === undefined) return false
    const place = parent.at(basename(change.path))
    if (entry.kind === 'directory') {
      mkdirSync(place)
      giveAway(place, this.#owner)
    } else if (entry.kind === 'link') {
      symlinkSync(entry.target, place)
      giveAway(place, this.#owner)
    } else {
      const staged = this.#staged(change, entry, place)
      if (staged === undefined) return false
      const mode = newMode(staged.mode, entry.executable)
      finish(staged.at, mode, this.#owner, staged.mtimeMs)
      // Unlike a rename it never replaces what has come meanwhile.
      inPlace(staged.at, place, linkSync)
      unlinkSync(staged.at)
    }
    return true
  }

  #replace(change: SyncChange, before: Replaced, after: Replaced, place: string): boolean {
    if (before.kind === 'file' && after.kind === 'file' && before.digest === after.digest) {
      return this.#setExecutable(change, before, after.executable, place)
    }
    const was = verified(place, before, this.#ahead.readOf(change))
    if (was === undefined) return false
    let source: string
    if (after.kind === 'link') {
      source = join(this.#stage.at, `link-${this.#kept++}`)
      symlinkSync(after.target, source)
      giveAway(source, this.#owner)
    } else {
      const staged = this.#staged(change, after, place)
      if (staged === undefined) return false
      source = staged.at
      const mode = was.isFile()
        ? withExecutable(was.mode & 0o777, after.executable)
        : newMode(staged.mode, after.executable)
      // Tools that compare times must see that it is another: never older than what it replaces.
      const mtimeMs = staged.mtimeMs > was.mtimeMs ? staged.mtimeMs : Date.now()
      finish(source, mode, was, mtimeMs)
    }
    const kept = join(this.#stage.at, `kept-${this.#kept++}`)
    const isKept = linked(place, kept)
    if (!isSame(was, lstatSync(place))) return false
    inPlace(source, place, renameSync)
    // Whoever had the old file open wrote to what is kept.
    if (!isKept || isSame(was, lstatSync(kept))) return true
    renameSync(kept, place)
    return false
  }

  /** Out of the way first, for good only when nobody has written to it meanwhile. */
  #takeAway(change: SyncChange, before: Replaced, place: string): boolean {
    const was = verified(place, before, this.#ahead.readOf(change))
    if (was === undefined) return false
    const kept = join(this.#stage.at, `gone-${this.#kept++}`)
    try {
      renameSync(place, kept)
    } catch (error) {
      if (errnoOf(error) !== 'EXDEV') throw error
      unlinkSync(place)
      return true
    }
    if (isSame(was, lstatSync(kept))) return true
    putBack(kept, place)
    return false
  }

  #setExecutable(
    change: SyncChange,
    before: Replaced,
    executable: boolean,
    place: string,
  ): boolean {
    const was = verified(place, before, this.#ahead.readOf(change))
    if (was === undefined) return false
    return withFile(place, ({ descriptor, stats }) => {
      if (!isSame(was, stats)) return false
      try {
        fchmodSync(descriptor, withExecutable(fstatSync(descriptor).mode & 0o777, executable))
      } catch (error) {
        // Where no bits are kept, what is agreed on says which files are executable.
        if (!isModeRefusal(error) || areKept(this.#stage.root)) throw error
      }
      return true
    })
  }

  #staged(change: SyncChange, entry: Entry, place: string): StagedFile | undefined {
    const staged = this.#content.get(change)
    if (entry.kind !== 'file' || staged?.digest !== entry.digest) return undefined
    return this.#ahead.movable(change, staged, place)
  }
}
