/**
 * Makes the changes of a plan on the host, each on its own, in turns with the file tools of other servers; tells
 * what became of each, and makes the rest durable.
 */
import { statSync } from 'node:fs'
import type { TreePath } from '../../tree.ts'
import { syncDirectory } from '../../trees/host-directories.ts'
import { deniedReason, errnoOf } from '../../trees/host-failure.ts'
import type { Owner } from '../../trees/host-temporary.ts'
import { exclusively } from '../../trees/workspace-lock.ts'
import type { SyncChange } from '../reconcile/reconcile.ts'
import { betweenSlices } from '../slices.ts'
import type { TransferProgress } from '../transfer-progress.ts'
import { HostChanges } from './changes.ts'
import { HostParents } from './parents.ts'
import type { HostStage, StagedFile } from './stage.ts'

/** What became of changes that were not made; all others were. */
export interface Unmade {
  /** What is there is not what the plan relies on (any more). */
  readonly stale: Set<TreePath>
  /** What the system refused, and why. */
  readonly refused: Map<TreePath, string>
  /** Directories that were to go and are not empty. */
  readonly full: Set<TreePath>
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
  readonly full = new Set<TreePath>()
  readonly #parents: HostParents
  readonly #changes: HostChanges
  /** Directories whose names changed, each with one path in it. */
  readonly #touched = new Map<string, TreePath>()

  constructor(content: ReadonlyMap<SyncChange, StagedFile>, stage: HostStage, target: HostTarget) {
    this.#parents = new HostParents(target.root)
    this.#changes = new HostChanges(content, stage, target.owner, this.#parents)
  }

  prepare(change: SyncChange, moved: (bytes: number) => void, signal: AbortSignal): Promise<void> {
    return this.#changes.prepare(change, moved, signal)
  }

  one(change: SyncChange): void {
    try {
      const parent = this.#parents.of(change.path)
      if (parent === undefined || !this.#changes.make(change, parent)) this.stale.add(change.path)
      else if (!this.#touched.has(parent.path)) this.#touched.set(parent.path, change.path)
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      if (code === 'ENOTEMPTY' && change.before?.kind === 'directory') this.full.add(change.path)
      // What turned into something else between two looks is for the next pass.
      else if (
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
    await this.#changes.close()
    this.#parents.close()
  }
}
