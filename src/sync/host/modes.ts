/**
 * Which files of the host are executable, where its file system does not say: on vfat, exFAT or SMB all are, or none
 * is, whatever was asked for. What was agreed on is true there, or else what the sandbox has.
 */
import { closeSync, fchmodSync, lstatSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TreePath } from '../../tree.ts'
import { errnoOf } from '../../trees/host-failure.ts'
import { isModeRefusal } from '../../trees/host-mode.ts'
import { temporaryName } from '../../trees/temporary-name.ts'
import type { SyncChange } from '../reconcile/reconcile.ts'
import { copied, Pace, type Steps } from '../slices.ts'
import { type Entry, type Scan, type Snapshot, sameEntry } from '../snapshot.ts'
import { knownDifference, noteDifference } from '../snapshot-differences.ts'

interface Corrected {
  readonly of: Scan
  readonly by: Snapshot
  readonly made: Scan
}

export class HostModes {
  readonly #root: string
  /** Not known before it matters: to find out, something is written. */
  #areKept: boolean | undefined
  #latest: Corrected | undefined

  /** `root` is the real path of the tree. */
  constructor(root: string) {
    this.#root = root
  }

  /**
   * Whether some of these changes of the sandbox come from bits that are not kept: they are not to be made, and
   * `corrected` tells the host anew.
   */
  areLost(toSandbox: readonly Omit<SyncChange, 'from'>[]): boolean {
    if (this.#areKept !== undefined || !toSandbox.some(isOfMode)) return false
    this.#areKept = areKept(this.#root)
    return !this.#areKept
  }

  /** A scan of the host, with files as executable as they are. */
  *corrected(host: Scan, ancestor: Snapshot, sandbox: Snapshot): Steps<Scan> {
    if (this.#areKept !== false) return host
    const latest = this.#latest
    if (latest?.of === host && latest.by === ancestor) return latest.made
    const now = (path: TreePath) =>
      corrected(host.snapshot.get(path), ancestor.get(path), sandbox.get(path))
    const paths = latest && differences(latest, host, ancestor)
    let { snapshot } = latest?.made ?? host
    if (latest === undefined || paths === undefined) {
      const pace = new Pace()
      const all = new Map<TreePath, Entry>()
      for (const path of host.snapshot.keys()) {
        if (pace.isDue) yield
        all.set(path, now(path) as Entry)
      }
      snapshot = all
    } else if ([...paths].some((path) => !sameEntry(snapshot.get(path), now(path)))) {
      const some = yield* copied(snapshot)
      for (const path of paths) some.delete(path)
      for (const path of paths) {
        const entry = now(path)
        if (entry !== undefined) some.set(path, entry)
      }
      noteDifference(snapshot, some, paths)
      snapshot = some
    }
    const made = { snapshot, problems: host.problems }
    this.#latest = { of: host, by: ancestor, made }
    return made
  }
}

/** Where the one that was made may not be what it would be by now; undefined where that is not known. */
function differences(latest: Corrected, host: Scan, ancestor: Snapshot): Set<TreePath> | undefined {
  const ofHost = knownDifference(latest.of.snapshot, host.snapshot)
  const ofAncestor = knownDifference(latest.by, ancestor)
  return ofHost && ofAncestor && new Set([...ofHost, ...ofAncestor])
}

function corrected(
  host: Entry | undefined,
  agreed: Entry | undefined,
  sandbox: Entry | undefined,
): Entry | undefined {
  const other = agreed?.kind === 'file' ? agreed : sandbox
  if (host?.kind !== 'file' || other?.kind !== 'file') return host
  return host.executable === other.executable ? host : { ...host, executable: other.executable }
}

const isOfMode = ({ before, after }: Omit<SyncChange, 'from'>) =>
  before?.kind === 'file' && after?.kind === 'file' && before.executable !== after.executable

/**
 * Asked of a file of our own in `root`, in a directory of which a sync that follows leaves nothing: whether files there
 * have the bits that they are given.
 */
export function areKept(root: string): boolean {
  const directory = join(root, temporaryName())
  const file = join(directory, 'mode')
  try {
    mkdirSync(directory, { mode: 0o700 })
    const descriptor = openSync(file, 'wx', 0o600)
    try {
      return [0o700, 0o600].every((mode) => {
        fchmodSync(descriptor, mode)
        return (lstatSync(file).mode & 0o100) === (mode & 0o100)
      })
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    // What may not be written says nothing about bits.
    return !isModeRefusal(error)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
