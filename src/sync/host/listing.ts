/**
 * Lists what the host's directory holds. No link is followed: on Linux every directory is held by a
 * descriptor while it is read, so none can be swapped for one (elsewhere that holds for links that
 * lie still). The calls are synchronous, which is ten times faster, in slices that let others run.
 */
import { closeSync, constants, type Dirent, openSync } from 'node:fs'
import { basename } from 'node:path'
import { canPin } from '../../real-paths.ts'
import { type TreePath, treeRoot } from '../../tree.ts'
import { errnoOf } from '../../trees/host-failure.ts'
import { isTemporaryName } from '../../trees/temporary-name.ts'
import type { Steps } from '../slices.ts'
import type { Scan } from '../snapshot.ts'
import { syncRootMissing } from '../sync-errors.ts'
import type { SyncRules } from '../sync-rules.ts'
import { HostEntries, type HostEntriesOptions, type Place } from './entries.ts'
import type { KnownDirectories, KnownDirectory, KnownName } from './glance.ts'
import { namesIn } from './names.ts'
import type { HostParents } from './parents.ts'

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** What a scan has looked at so far. Files whose content is known are not read. */
export interface Looked {
  entries: number
  readBytes: number
}

/** `agreed` is how many entries there may be. */
export function wordsOf({ entries, readBytes }: Looked, agreed: number): string {
  const about = agreed === 0 ? '' : ` of about ${agreed}`
  const read = readBytes === 0 ? '' : `, ${(readBytes / 1024 / 1024).toFixed(1)} MiB read`
  return `looking at the host: ${entries}${about} entries${read}`
}

export interface HostListingOptions extends HostEntriesOptions {
  /** Real absolute path. */
  readonly root: string
  readonly rules: Pick<SyncRules, 'leavesOut'>
  readonly looked: Looked
}

export class HostListing {
  readonly entries: HostEntries
  /** Those that were listed, each before what is in it. */
  readonly directories = new Map<TreePath, KnownDirectory>()
  readonly #root: string
  readonly #rules: Pick<SyncRules, 'leavesOut'>
  readonly #before: Scan | undefined
  readonly #looked: Looked
  /** Of these only the name is listed. */
  #kept: KnownDirectories = new Map()

  constructor(options: HostListingOptions) {
    const { root, rules, before, looked } = options
    this.entries = new HostEntries(options, (bytes) => {
      looked.readBytes += bytes
    })
    this.#root = root
    this.#rules = rules
    this.#before = before
    this.#looked = looked
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
      entries = yield* namesIn(descriptor, at)
    } catch (error) {
      if (path === treeRoot) throw syncRootMissing('host', error)
      this.entries.failed(path, error)
      return
    }
    if (path !== treeRoot) this.entries.addDirectory(path)
    const names = entries.map(({ name }) => name)
    const known: KnownName[] = []
    this.directories.set(path, { names, known })
    for (const [i, entry] of entries.entries()) {
      if (i % 256 === 255) yield
      this.#looked.entries += 1
      const { name } = entry
      const inner = (path === treeRoot ? name : `${path}/${name}`) as TreePath
      const isDirectory = entry.isDirectory()
      if (isTemporaryName(name) || this.#leavesOut(inner, isDirectory)) {
        known.push(isDirectory ? 'directory left out' : 'left out')
        continue
      }
      const place = { at: `${at}/${name}`, spelled: `${spelled}/${name}` }
      if (this.entries.takesName(inner, name, place)) {
        if (!isDirectory) yield* this.entries.look(inner, entry, place)
        else if (this.#kept.has(inner)) this.entries.addDirectory(inner)
        else yield* this.#enter(inner, place)
      }
      known.push(this.entries.known(inner))
    }
    yield
  }

  *#enter(path: TreePath, { at, spelled }: Place): Steps<void> {
    let descriptor: number
    try {
      descriptor = openSync(at, directoryFlags)
    } catch (error) {
      this.entries.failed(path, error)
      return
    }
    try {
      yield* this.#directory(descriptor, path, spelled)
    } finally {
      closeSync(descriptor)
    }
  }

  /** To ask the patterns takes longer than to look at the file. */
  #leavesOut(path: TreePath, isDirectory: boolean): boolean {
    const before = this.#before?.snapshot.get(path)
    if (before !== undefined && (before.kind === 'directory') === isDirectory) return false
    return this.#rules.leavesOut(path, () => isDirectory)
  }
}
