/**
 * Makes the changes of a plan on the host, each on its own and only where it still holds what the plan
 * relies on. No link is followed, and at no moment is content in no place: what is replaced or removed
 * is kept in the stage until it is known that nobody wrote to it meanwhile.
 */
import {
  chmodSync,
  fchmodSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import type { TreePath } from '../tree.ts'
import { syncDirectory } from '../trees/host-directories.ts'
import { deniedReason, errnoOf } from '../trees/host-failure.ts'
import { withFile } from '../trees/host-file.ts'
import { giveAway, type Owner } from '../trees/host-temporary.ts'
import type { Directory } from '../trees/host-walk.ts'
import { exclusively } from '../trees/workspace-lock.ts'
import { HostAhead } from './host-ahead.ts'
import { HostParents } from './host-parents.ts'
import { inPlace, linked, newMode, withExecutable } from './host-place.ts'
import type { HostStage, StagedFile } from './host-stage.ts'
import { isSame, type Replaced, verified } from './host-verify.ts'
import type { SyncChange } from './reconcile.ts'
import { betweenSlices } from './slices.ts'
import type { Entry } from './snapshot.ts'
import type { TransferProgress } from './transfer-progress.ts'

/** What became of changes that were not made; all others were. */
export interface Unmade {
  /** What is there is not what the plan relies on (any more). */
  readonly stale: Set<TreePath>
  /** What the system refused, and why. */
  readonly refused: Map<TreePath, string>
}

export interface HostTarget {
  /** Real absolute path. */
  readonly root: string
  /** Who new files and directories are given to, when this process may. */
  readonly owner: Owner | undefined
}

/** How many changes are made in one turn with those of the file tools of other servers. */
const changesPerTurn = 64

/**
 * `content` has a staged file for each change that needs one; without it the change is stale. `progress` is
 * told of each change, and of the bytes of large files that are compared. `CANCELLED` on the signal, between two
 * changes: what was made by then stays.
 */
export async function applyToHost(
  changes: readonly SyncChange[],
  content: ReadonlyMap<SyncChange, StagedFile>,
  stage: HostStage,
  target: HostTarget,
  progress: TransferProgress,
  signal: AbortSignal,
): Promise<Unmade> {
  const apply = new HostApply(content, stage, target)
  const { dev, ino } = statSync(target.root, { bigint: true })
  let since = performance.now()
  try {
    for (let at = 0; at < changes.length; at += changesPerTurn) {
      const some = changes.slice(at, at + changesPerTurn)
      for (const change of some) await apply.prepare(change, (n) => progress.moved(n), signal)
      const makeAll = () => {
        for (const change of some) apply.one(change)
      }
      await exclusively(`${dev}:${ino}`, makeAll, signal)
      for (const _ of some) progress.fileDone()
      since = await betweenSlices(since)
    }
    await apply.settle()
    return apply
  } finally {
    await apply.close()
  }
}

class HostApply implements Unmade {
  readonly stale = new Set<TreePath>()
  readonly refused = new Map<TreePath, string>()
  readonly #content: ReadonlyMap<SyncChange, StagedFile>
  readonly #stage: HostStage
  readonly #target: HostTarget
  readonly #parents: HostParents
  /** Directories whose names changed, each with one path in it. */
  readonly #touched = new Map<string, TreePath>()
  readonly #ahead: HostAhead
  #kept = 0

  constructor(content: ReadonlyMap<SyncChange, StagedFile>, stage: HostStage, target: HostTarget) {
    this.#content = content
    this.#stage = stage
    this.#target = target
    this.#parents = new HostParents(target.root)
    this.#ahead = new HostAhead(this.#parents)
  }

  prepare(change: SyncChange, moved: (bytes: number) => void, signal: AbortSignal): Promise<void> {
    return this.#ahead.prepare(change, this.#content.get(change), moved, signal)
  }

  one(change: SyncChange): void {
    try {
      const parent = this.#parents.of(change.path)
      if (parent === undefined || !this.#make(change, parent)) this.stale.add(change.path)
      else if (!this.#touched.has(parent.path)) this.#touched.set(parent.path, change.path)
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      // What turned into something else between two looks is for the next pass.
      if (
        ['ENOENT', 'ENOTDIR', 'ELOOP', 'EEXIST', 'ENOTEMPTY', 'EISDIR', 'EINVAL'].includes(code)
      ) {
        this.stale.add(change.path)
      } else this.refused.set(change.path, deniedReason(code))
    }
  }

  /** Makes the names durable: what is agreed on must be there after a power cut too. */
  async settle(): Promise<void> {
    for (const path of this.#touched.values()) {
      const directory = this.#parents.of(path)
      if (directory !== undefined) await syncDirectory(directory)
    }
  }

  async close(): Promise<void> {
    await this.#ahead.close()
    this.#parents.close()
  }

  /** False when it is stale. */
  #make(change: SyncChange, parent: Directory): boolean {
    const { before, after } = change
    const place = parent.at(basename(change.path))
    if (before?.kind === 'directory') {
      if (after?.kind === 'directory') return true
      // What others have put into it keeps it.
      rmdirSync(place)
      this.#parents.forget()
      return after === undefined || this.#makeNew(change, after, this.#parents.of(change.path))
    }
    if (before === undefined) return after === undefined || this.#makeNew(change, after, parent)
    if (after === undefined || after.kind === 'directory') {
      if (!this.#takeAway(change, before, place)) return false
      return after === undefined || this.#makeNew(change, after, parent)
    }
    return this.#replace(change, before, after, place)
  }

  #makeNew(change: SyncChange, entry: Entry, parent: Directory | undefined): boolean {
    if (parent === undefined) return false
    const place = parent.at(basename(change.path))
    if (entry.kind === 'directory') {
      mkdirSync(place)
      giveAway(place, this.#target.owner)
    } else if (entry.kind === 'link') {
      symlinkSync(entry.target, place)
      giveAway(place, this.#target.owner)
    } else {
      const staged = this.#staged(change, entry, place)
      if (staged === undefined) return false
      chmodSync(staged.at, newMode(staged.mode, entry.executable))
      giveAway(staged.at, this.#target.owner)
      utimesSync(staged.at, Date.now() / 1000, staged.mtimeMs / 1000)
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
      source = join(this.#stage.directory, `link-${this.#kept++}`)
      symlinkSync(after.target, source)
      giveAway(source, this.#target.owner)
    } else {
      const staged = this.#staged(change, after, place)
      if (staged === undefined) return false
      source = staged.at
      giveAway(source, { uid: was.uid, gid: was.gid })
      const mode = was.isFile()
        ? withExecutable(was.mode & 0o777, after.executable)
        : newMode(staged.mode, after.executable)
      chmodSync(source, mode)
      // Tools that compare times must see that it is another: never older than what it replaces.
      const mtimeMs = staged.mtimeMs > was.mtimeMs ? staged.mtimeMs : Date.now()
      utimesSync(source, Date.now() / 1000, mtimeMs / 1000)
    }
    const kept = join(this.#stage.directory, `kept-${this.#kept++}`)
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
    const kept = join(this.#stage.directory, `gone-${this.#kept++}`)
    try {
      renameSync(place, kept)
    } catch (error) {
      if (errnoOf(error) !== 'EXDEV') throw error
      unlinkSync(place)
      return true
    }
    if (isSame(was, lstatSync(kept))) return true
    linkSync(kept, place)
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
      fchmodSync(descriptor, withExecutable(fstatSync(descriptor).mode & 0o777, executable))
      return true
    })
  }

  #staged(change: SyncChange, entry: Entry, place: string): StagedFile | undefined {
    const staged = this.#content.get(change)
    if (entry.kind !== 'file' || staged?.digest !== entry.digest) return undefined
    return this.#ahead.movable(change, staged, place)
  }
}
