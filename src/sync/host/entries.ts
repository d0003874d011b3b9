/** What the names of the host's directories are: files with their content, links with their targets, problems. */
import { type Dirent, readlinkSync, type Stats } from 'node:fs'
import type { TreePath } from '../../tree.ts'
import { errnoOf } from '../../trees/host-failure.ts'
import type { Steps } from '../slices.ts'
import { type Entry, type Problem, parentOf, reasons, type Scan, sameEntry } from '../snapshot.ts'
import type { DigestCache } from './digest-cache.ts'
import { factsAt, type KnownName } from './glance.ts'
import { type Hashed, hashed } from './hash.ts'

export interface HostEntriesOptions {
  /** Belongs to this root; one listing at a time. */
  readonly cache: DigestCache
  /** An earlier scan by the same rules; its entries are used again. */
  readonly before: Scan | undefined
}

/** How a name is reached. */
export interface Place {
  /** Through the directory that is held open, where that can be. */
  readonly at: string
  /** From the root, as the path has it. */
  readonly spelled: string
}

export class HostEntries implements Scan {
  readonly snapshot = new Map<TreePath, Entry>()
  readonly problems: Problem[] = []
  /** Directories with a file that has another name too, by which it can be changed. */
  readonly shared = new Set<TreePath>()
  readonly #cache: DigestCache
  readonly #before: Scan | undefined
  readonly #read: (bytes: number) => void
  #hasOthers = false

  /** `read` is told of the bytes of files whose content was not known. */
  constructor({ cache, before }: HostEntriesOptions, read: (bytes: number) => void) {
    this.#cache = cache
    this.#before = before
    this.#read = read
  }

  /** Whether each of them was there before. */
  get isAsBefore(): boolean {
    return this.problems.length === 0 && !this.#hasOthers
  }

  /** Whether what is at `path` can be reached by its name; a problem, if not. */
  takesName(path: TreePath, name: string, { at }: Place): boolean {
    if (name.includes('\n')) this.#problem(path, 'newline')
    else if (name.includes('\ufffd') && factsAt(at) === undefined) this.#problem(path, 'notUtf8')
    else return true
    return false
  }

  addDirectory(path: TreePath): void {
    this.#add(path, { kind: 'directory' })
  }

  /** Adds what is no directory. */
  *look(path: TreePath, entry: Dirent, { at, spelled }: Place): Steps<void> {
    if (entry.isFile()) {
      if (!this.#isKnown(path, spelled)) yield* this.#file(path, at)
    } else if (entry.isSymbolicLink()) this.#link(path, at)
    else this.#problem(path, 'special')
  }

  /** By what the entry can be known again, if there is one. */
  known(path: TreePath): KnownName {
    const entry = this.snapshot.get(path)
    if (entry?.kind === 'file') return this.#cache.facts(path)
    return entry?.kind === 'link' ? { target: entry.target } : entry?.kind
  }

  /** What went away meanwhile is gone; what turned into something else is for the next scan. */
  failed(path: TreePath, error: unknown): void {
    const code = errnoOf(error)
    if (code === undefined) throw error
    if (code === 'ENOENT') return
    if (code === 'EACCES' || code === 'EPERM') this.#problem(path, 'denied')
    else if (['ELOOP', 'ENOTDIR', 'EINVAL'].includes(code)) this.#problem(path, 'unsettled')
    else this.#problem(path, 'failed')
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
        content = yield* hashed(at, this.#read)
      } catch (error) {
        return this.failed(path, error)
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
      this.failed(path, error)
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

  #problem(path: TreePath, why: keyof typeof reasons): void {
    this.problems.push({ path, side: 'host', reason: reasons[why] })
  }
}
