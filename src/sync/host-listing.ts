/**
 * Lists what the host's directory holds. No link is followed: on Linux every directory is held by a
 * descriptor while it is read, so none can be swapped for one (elsewhere that holds for links that
 * lie still). The calls are synchronous, which is ten times faster, in slices that let others run.
 */
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
import { basename } from 'node:path'
import { syncRootMissing } from '../errors.ts'
import { type TreePath, treeRoot } from '../tree.ts'
import { errnoOf } from '../trees/host-failure.ts'
import { canPin } from '../trees/host-walk.ts'
import { isTemporaryName } from '../trees/temporary-name.ts'
import type { DigestCache } from './digest-cache.ts'
import {
  factsAt,
  type KnownDirectories,
  type KnownDirectory,
  type KnownName,
} from './host-glance.ts'
import { type Hashed, hashed } from './host-hash.ts'
import type { HostParents } from './host-parents.ts'
import type { Steps } from './slices.ts'
import { type Entry, type Problem, parentOf, reasons, type Scan, sameEntry } from './snapshot.ts'
import type { SyncRules } from './sync-rules.ts'

/** A directory with a longer list of names is read in pieces: in one, a million names take a second. */
const shortListBytes = 256 * 1024
const namesAtOnce = 1024
const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** What a scan has looked at so far. Files whose content is known are not read. */
export interface Looked {
  entries: number
  readBytes: number
}

export interface HostListingOptions {
  /** Real absolute path. */
  readonly root: string
  readonly rules: SyncRules
  /** Belongs to this root; one listing at a time. */
  readonly cache: DigestCache
  /** An earlier scan by the same rules; its entries are used again. */
  readonly before: Scan | undefined
  readonly looked: Looked
}

export class HostListing implements Scan {
  readonly snapshot = new Map<TreePath, Entry>()
  readonly problems: Problem[] = []
  /** Those that were listed, each before what is in it. */
  readonly directories = new Map<TreePath, KnownDirectory>()
  /** Those of them with a file that has another name too, by which it can be changed. */
  readonly shared = new Set<TreePath>()
  readonly #root: string
  readonly #rules: SyncRules
  readonly #cache: DigestCache
  readonly #before: Scan | undefined
  readonly #looked: Looked
  /** Of these only the name is listed. */
  #kept: KnownDirectories = new Map()
  #hasOthers = false

  constructor({ root, rules, cache, before, looked }: HostListingOptions) {
    this.#looked = looked
    this.#root = root
    this.#rules = rules
    this.#cache = cache
    this.#before = before
  }

  /** Whether each of the entries was there before. */
  get isAsBefore(): boolean {
    return this.problems.length === 0 && !this.#hasOthers
  }

  /** Lists everything. Throws `SYNC_HALTED` when the directory itself is gone or cannot be read. */
  *all(): Steps<void> {
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

  /**
   * Lists what is in the directory at `path`, and all that is in those below it that are not `kept`. False when
   * there is none that can be opened.
   */
  *one(path: TreePath, parents: HostParents, kept: KnownDirectories): Steps<boolean> {
    this.#kept = kept
    let descriptor: number
    try {
      const place = path === treeRoot ? this.#root : parents.of(path)?.at(basename(path))
      if (place === undefined) return false
      descriptor = openSync(place, directoryFlags)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return false
    }
    try {
      const spelled = path === treeRoot ? this.#root : `${this.#root}/${path}`
      yield* this.#directory(descriptor, path, spelled)
      return true
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
      // Of one that may be read and not searched, the names are all that can be told.
      if (entries.length > 0) lstatSync(`${at}/.`)
    } catch (error) {
      if (path === treeRoot) throw syncRootMissing('host', error)
      this.#failed(path, error)
      return
    }
    if (path !== treeRoot) this.#add(path, { kind: 'directory' })
    const names = entries.map(({ name }) => name)
    const known: KnownName[] = []
    this.directories.set(path, { names, known })
    for (const [i, entry] of entries.entries()) {
      if (i % 256 === 255) yield
      this.#looked.entries += 1
      const { name } = entry
      const inner = (path === treeRoot ? name : `${path}/${name}`) as TreePath
      if (isTemporaryName(name) || this.#leavesOut(inner)) {
        known.push('left out')
        continue
      }
      if (name.includes('\n')) this.#problem(inner, 'newline')
      else if (name.includes('\ufffd') && factsAt(`${at}/${name}`) === undefined)
        this.#problem(inner, 'notUtf8')
      else if (entry.isFile()) {
        if (!this.#isKnown(inner, `${spelled}/${name}`)) yield* this.#file(inner, `${at}/${name}`)
      } else if (entry.isSymbolicLink()) this.#link(inner, `${at}/${name}`)
      else if (!entry.isDirectory()) this.#problem(inner, 'special')
      else if (this.#kept.has(inner)) this.#add(inner, { kind: 'directory' })
      else yield* this.#enter(inner, `${at}/${name}`, `${spelled}/${name}`)
      known.push(this.#known(inner))
    }
    yield
  }

  /** By what the entry can be known again, if there is one. */
  #known(path: TreePath): KnownName {
    const entry = this.snapshot.get(path)
    if (entry?.kind === 'file') return this.#cache.facts(path)
    return entry?.kind === 'link' ? { target: entry.target } : entry?.kind
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
    const stats = factsAt(spelled)
    const digest = stats?.isFile() ? this.#cache.digest(path, stats) : undefined
    if (stats === undefined || digest === undefined) return false
    this.#found(path, stats, digest)
    return true
  }

  *#file(path: TreePath, at: string): Steps<void> {
    for (let tries = 0; tries < 2; tries++) {
      let content: Hashed | undefined
      try {
        content = yield* hashed(at, (bytes) => {
          this.#looked.readBytes += bytes
        })
      } catch (error) {
        return this.#failed(path, error)
      }
      yield
      if (content === undefined) continue
      const { digest, stats, startedMs } = content
      this.#cache.add(path, stats, digest, startedMs)
      return this.#found(path, stats, digest)
    }
    this.#problem(path, 'unsettled')
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
    if (stats.nlink > 1) this.shared.add(parentOf(path))
    this.#add(path, { kind: 'file', digest, executable: (stats.mode & 0o111) !== 0 })
  }

  #add(path: TreePath, entry: Entry): void {
    const before = this.#before?.snapshot.get(path)
    const isSame = before !== undefined && sameEntry(before, entry)
    if (!isSame) this.#hasOthers = true
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
