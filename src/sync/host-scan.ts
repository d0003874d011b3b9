/**
 * What the host's directory holds. No link is followed: on Linux every directory is held by a
 * descriptor while it is read, so none can be swapped for one (elsewhere that holds for links that
 * lie still). The calls are synchronous, which is ten times faster, in slices that let others run.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readdirSync,
  readlinkSync,
  type Stats,
} from 'node:fs'
import { syncRootMissing } from '../errors.ts'
import { type TreePath, treeRoot } from '../tree.ts'
import { errnoOf } from '../trees/host-failure.ts'
import { chunks } from '../trees/host-file.ts'
import { canPin } from '../trees/host-walk.ts'
import { isTemporaryName } from '../trees/temporary-name.ts'
import type { DigestCache } from './digest-cache.ts'
import { inSlices, type Steps } from './slices.ts'
import { type Entry, type Problem, reasons, type Scan, sameEntry } from './snapshot.ts'
import type { SyncRules } from './sync-rules.ts'

/** What a scan has looked at so far. Files whose content is known are not read. */
export interface Looked {
  entries: number
  readBytes: number
}

export interface HostScanOptions {
  /** Real absolute path. */
  readonly root: string
  readonly rules: SyncRules
  /** Belongs to this root; one scan at a time. */
  readonly cache: DigestCache
  /** An earlier scan by the same rules; it is the answer if nothing is different. */
  readonly before?: Scan | undefined
  readonly signal?: AbortSignal
  /** Told of what has been looked at so far. */
  readonly looked?: Looked
}

/** A directory with a longer list of names is read in pieces: in one, a million names take a second. */
const shortListBytes = 256 * 1024
const namesAtOnce = 1024
const fileFlags =
  constants.O_RDONLY |
  constants.O_NOFOLLOW |
  (constants.O_NONBLOCK ?? 0) |
  (constants.O_NOCTTY ?? 0)
const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** `SYNC_HALTED` when the directory itself is gone or cannot be read, `CANCELLED` on the signal. */
export async function scanHost(options: HostScanOptions): Promise<Scan> {
  const walk = new ScanWalk(options)
  await inSlices(walk.steps(), options.signal)
  options.cache.turn()
  return walk.isAsBefore && options.before !== undefined ? options.before : walk
}

class ScanWalk implements Scan {
  readonly snapshot = new Map<TreePath, Entry>()
  readonly problems: Problem[] = []
  readonly #root: string
  readonly #rules: SyncRules
  readonly #cache: DigestCache
  readonly #before: Scan | undefined
  readonly #looked: Looked
  /** How many entries were there before, and are the very same. */
  #asBefore = 0

  constructor({ root, rules, cache, before, looked }: HostScanOptions) {
    this.#looked = looked ?? { entries: 0, readBytes: 0 }
    this.#root = root
    this.#rules = rules
    this.#cache = cache
    this.#before = before
  }

  get isAsBefore(): boolean {
    const size = this.#before?.snapshot.size
    const problems = this.problems.length + (this.#before?.problems.length ?? 0)
    return problems === 0 && this.snapshot.size === size && this.#asBefore === size
  }

  /** The work; between any two steps others may run. */
  *steps(): Steps<void> {
    let descriptor: number
    try {
      descriptor = openSync(this.#root, directoryFlags)
    } catch (error) {
      throw syncRootMissing('host', error)
    }
    try {
      yield* this.#directory(descriptor, treeRoot, this.#root)
    } finally {
      closeSync(descriptor)
    }
  }

  /** Reads what is in an open directory. `spelled` is how it is reached where there is no `/proc`. */
  *#directory(descriptor: number, path: TreePath, spelled: string): Steps<void> {
    const at = canPin ? `/proc/self/fd/${descriptor}` : spelled
    let entries: Dirent[]
    try {
      entries = yield* listed(descriptor, at)
    } catch (error) {
      if (path === treeRoot) throw syncRootMissing('host', error)
      this.#failed(path, error)
      return
    }
    if (path !== treeRoot) this.#add(path, { kind: 'directory' })
    for (const [i, entry] of entries.entries()) {
      if (i % 256 === 255) yield
      this.#looked.entries += 1
      const { name } = entry
      const inner = (path === treeRoot ? name : `${path}/${name}`) as TreePath
      if (isTemporaryName(name) || this.#leavesOut(inner)) continue
      if (name.includes('\n')) this.#problem(inner, 'newline')
      else if (name.includes('\ufffd') && !isThere(`${at}/${name}`)) this.#problem(inner, 'notUtf8')
      else if (entry.isFile()) {
        if (!this.#isKnown(inner, `${spelled}/${name}`)) yield* this.#file(inner, `${at}/${name}`)
      } else if (entry.isSymbolicLink()) this.#link(inner, `${at}/${name}`)
      else if (!entry.isDirectory()) this.#problem(inner, 'special')
      else yield* this.#enter(inner, `${at}/${name}`, `${spelled}/${name}`)
    }
    yield
  }

  *#enter(path: TreePath, at: string, spelled: string): Steps<void> {
    let descriptor: number
    try {
      descriptor = openSync(at, directoryFlags)
    } catch (error) {
      this.#failed(path, error)
      return
    }
    try {
      yield* this.#directory(descriptor, path, spelled)
    } finally {
      closeSync(descriptor)
    }
  }

  /**
   * Takes the digest from the cache. Plain paths take half the time of those through a descriptor,
   * and facts of another file that a link leads to would not be those in the cache.
   */
  #isKnown(path: TreePath, spelled: string): boolean {
    const stats = lstatSync(spelled, { throwIfNoEntry: false })
    const digest = stats?.isFile() ? this.#cache.digest(path, stats) : undefined
    if (stats === undefined || digest === undefined) return false
    this.#found(path, stats, digest)
    return true
  }

  *#file(path: TreePath, at: string): Steps<void> {
    for (let tries = 0; tries < 2; tries++) {
      let hashed: Hashed | undefined
      try {
        hashed = yield* this.#hash(path, at)
      } catch (error) {
        return this.#failed(path, error)
      }
      yield
      if (hashed !== undefined) return this.#found(path, hashed.stats, hashed.digest)
    }
    this.#problem(path, 'unsettled')
  }

  /** Undefined when the file changed while it was read. */
  *#hash(path: TreePath, at: string): Steps<Hashed | undefined> {
    const startedMs = Date.now()
    const descriptor = openSync(at, fileFlags)
    try {
      const stats = fstatSync(descriptor)
      if (!stats.isFile()) return undefined
      const hash = createHash('sha256')
      for (const chunk of chunks({ descriptor, stats })) {
        hash.update(chunk)
        this.#looked.readBytes += chunk.length
        if (chunk.length < stats.size) yield
      }
      const now = fstatSync(descriptor)
      if (now.mtimeMs !== stats.mtimeMs || now.ctimeMs !== stats.ctimeMs) return undefined
      const digest = hash.digest('hex')
      this.#cache.add(path, stats, digest, startedMs)
      return { digest, stats }
    } finally {
      closeSync(descriptor)
    }
  }

  #link(path: TreePath, at: string): void {
    try {
      const target = readlinkSync(at)
      if (target.includes('\ufffd')) this.#problem(path, 'notUtf8')
      else if (target.includes('\n')) this.#problem(path, 'newline')
      else this.#add(path, { kind: 'link', target })
    } catch (error) {
      this.#failed(path, error)
    }
  }

  #found(path: TreePath, stats: Stats, digest: string): void {
    this.#add(path, { kind: 'file', digest, executable: (stats.mode & 0o111) !== 0 })
  }

  #add(path: TreePath, entry: Entry): void {
    const before = this.#before?.snapshot.get(path)
    const isSame = before !== undefined && sameEntry(before, entry)
    if (isSame) this.#asBefore += 1
    this.snapshot.set(path, isSame ? before : entry)
  }

  /** To ask the patterns takes longer than to look at the file. */
  #leavesOut(path: TreePath): boolean {
    return this.#before?.snapshot.has(path) !== true && this.#rules.leavesOut(path)
  }

  /** What went away meanwhile is gone; what turned into something else is for the next scan. */
  #failed(path: TreePath, error: unknown): void {
    const code = errnoOf(error)
    if (code === undefined) throw error
    if (code === 'ENOENT') return
    if (code === 'EACCES' || code === 'EPERM') this.#problem(path, 'denied')
    else if (['ELOOP', 'ENOTDIR', 'EINVAL'].includes(code)) this.#problem(path, 'unsettled')
    else this.#problem(path, 'failed')
  }

  #problem(path: TreePath, why: keyof typeof reasons): void {
    this.problems.push({ path, side: 'host', reason: reasons[why] })
  }
}

interface Hashed {
  readonly digest: string
  readonly stats: Stats
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function* listed(descriptor: number, at: string): Steps<Dirent[]> {
  if (fstatSync(descriptor).size <= shortListBytes) return readdirSync(at, { withFileTypes: true })
  const directory = opendirSync(at, { bufferSize: namesAtOnce })
  try {
    const entries: Dirent[] = []
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      entries.push(entry)
      if (entries.length % namesAtOnce === 0) yield
    }
    return entries
  } finally {
    directory.closeSync()
  }
}
