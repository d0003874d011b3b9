/**
 * What the host's directory holds. All of it is listed once; after that what has other names or facts than
 * before, of those directories that may have. A root with something that cannot be told is listed whole each time.
 */
import { lstatSync } from 'node:fs'
import { type TreePath, treeRoot } from '../../tree.ts'
import { copied, inSlices, Pace, type Steps } from '../slices.ts'
import type { Scan } from '../snapshot.ts'
import { noteDifference } from '../snapshot-differences.ts'
import type { SyncRules } from '../sync-rules.ts'
import type { DigestCache } from './digest-cache.ts'
import {
  addTree,
  type KnownDirectories,
  type KnownDirectory,
  otherDirectories,
  pathsIn,
} from './glance.ts'
import { HostListing, type Looked } from './listing.ts'
import { HostParents } from './parents.ts'
import { HostSuspects } from './suspects.ts'

export interface HostScannerOptions {
  /** Real absolute path. */
  readonly root: string
  readonly rules: Pick<SyncRules, 'leavesOut'>
  /** Belongs to this root. */
  readonly cache: DigestCache
  /** From so many entries on a watch is kept on the directories, which costs as much as a look at a few hundred. */
  readonly watchedFrom?: number
}

/** What was found longer ago is looked at once more. */
const soonMs = 1_000
/** When more than this has changed everything is listed. */
const manyDirectories = 1_000
const manyGone = 20_000
const manyEntries = 1_000

/** Scans one directory again and again; one scan at a time. Whoever makes it closes it. */
export class HostScanner {
  readonly #options: HostScannerOptions
  /** The last one, with the directories as they were. */
  #before: Scan | undefined
  #directories = new Map<TreePath, KnownDirectory>()
  /** Of these, those with files that have another name. */
  readonly #shared = new Set<TreePath>()
  readonly #suspects: HostSuspects
  /** A first one, which nobody has asked for yet. */
  #early: { readonly beganMs: number; readonly scan: Promise<Scan | undefined> } | undefined
  /** There has been a scan since nobody waited last. */
  #isLookDue = false

  constructor(options: HostScannerOptions) {
    this.#options = options
    this.#suspects = new HostSuspects({ root: options.root, directories: () => this.#directories })
  }

  /**
   * The very same answer when nothing is different. `SYNC_HALTED` when the directory itself is gone or cannot be
   * read, `CANCELLED` on the signal. `looked` is told of what has been looked at so far.
   */
  async scan(signal?: AbortSignal, looked: Looked = nothing()): Promise<Scan> {
    return (await this.#begun()) ?? this.#next(signal, looked)
  }

  /**
   * Begins the first scan when nobody asks for it yet: the next `scan` has its answer, if it asks soon. What
   * fails is told by that. Until then the rules may come to leave out more of what is at the top.
   */
  begin(signal: AbortSignal): void {
    const beganMs = performance.now()
    this.#early = { beganMs, scan: this.#next(signal, nothing()).catch(() => undefined) }
  }

  /** What was begun, once it has ended; undefined where that is no answer now. */
  async #begun(): Promise<Scan | undefined> {
    const early = this.#early
    this.#early = undefined
    const scan = await early?.scan
    if (early === undefined || scan === undefined) return undefined
    if (this.#holdsLeftOut()) this.#before = undefined
    else if (performance.now() - early.beganMs <= soonMs) return scan
    return undefined
  }

  /** Whether something at the top was listed that the rules leave out by now. */
  #holdsLeftOut(): boolean {
    const { names, known } = this.#directories.get(treeRoot) ?? { names: [], known: [] }
    const isOut = (name: string, i: number) =>
      known[i] !== 'left out' &&
      known[i] !== 'directory left out' &&
      this.#options.rules.leavesOut(name as TreePath, () => known[i] === 'directory')
    return names.some(isOut)
  }

  async #next(signal: AbortSignal | undefined, looked: Looked): Promise<Scan> {
    const changed = await this.#suspects.take()
    try {
      const scan = await this.#scan(changed, signal, looked)
      const isLarge = scan.snapshot.size >= (this.#options.watchedFrom ?? manyEntries)
      this.#isLookDue = isLarge && scan.problems.length === 0
      return scan
    } catch (error) {
      this.#suspects.add(changed ?? [])
      throw error
    }
  }

  /** Something is not as the last scan had it: the next one looks at everything. */
  doubt(): void {
    this.#suspects.doubt()
  }

  /** Nobody waits for what it does: after a scan it sees to what a watch needs, and to what that does not tell. */
  rest(): void {
    if (this.#isLookDue) this.#suspects.later()
    this.#isLookDue = false
  }

  /** Lets go of what it watches; can be repeated. */
  async close(): Promise<void> {
    await this.#early?.scan
    await this.#suspects.close()
  }

  async #scan(
    changed: ReadonlySet<TreePath> | undefined,
    signal: AbortSignal | undefined,
    looked: Looked,
  ): Promise<Scan> {
    const before = this.#before
    if (before === undefined || before.problems.length > 0 || !isDirectory(this.#options.root)) {
      return this.#whole(signal, looked)
    }
    const count = (entries: number) => {
      looked.entries += entries
    }
    const { root } = this.#options
    const suspects = changed === undefined ? this.#directories : this.#known(changed)
    const others = await inSlices(otherDirectories(root, suspects, count), signal)
    if (others.length === 0) return before
    if (others.length > manyDirectories) return this.#whole(signal, looked)
    const found = await inSlices(this.#some(others, before, looked), signal)
    if (found === undefined) return this.#whole(signal, looked)
    // No signal ends this: what is known of the directories and of their files belongs together.
    const merged = await inSlices(this.#merged(found, before))
    await this.#suspects.listed(found.listing.directories)
    return merged
  }

  /** Each before what is in it. */
  #known(changed: ReadonlySet<TreePath>): KnownDirectories {
    const known = new Map<TreePath, KnownDirectory>()
    for (const path of [...changed, ...this.#shared].sort()) {
      const directory = this.#directories.get(path)
      if (directory !== undefined) known.set(path, directory)
    }
    return known
  }

  async #whole(signal: AbortSignal | undefined, looked: Looked): Promise<Scan> {
    this.#suspects.forget()
    const before = this.#before
    const listing = new HostListing({ ...this.#options, before, looked })
    await inSlices(listing.all(), signal)
    this.#options.cache.turn()
    const { snapshot, problems, shared, isAsBefore } = listing.entries
    const isSame =
      before !== undefined &&
      before.problems.length === 0 &&
      isAsBefore &&
      snapshot.size === before.snapshot.size
    this.#directories = listing.directories
    this.#shared.clear()
    for (const path of shared) this.#shared.add(path)
    this.#before = isSame ? before : { snapshot, problems }
    return this.#before
  }

  /** Undefined when it takes a look at everything. */
  *#some(others: readonly TreePath[], before: Scan, looked: Looked): Steps<Found | undefined> {
    const parents = new HostParents(this.#options.root)
    try {
      const gone = new Set<TreePath>()
      const listing = new HostListing({ ...this.#options, before, looked })
      for (const path of others) {
        if (gone.has(path)) continue
        const isListed = yield* listing.one(path, parents, this.#directories)
        const { problems, snapshot: now } = listing.entries
        if (!isListed || problems.length > 0) return undefined
        for (const inner of pathsIn(path, this.#directories)) {
          const kind = before.snapshot.get(inner)?.kind
          if (kind === undefined || (kind === 'directory' && now.get(inner)?.kind === kind))
            continue
          if (!now.has(inner) || kind === 'directory') addTree(inner, this.#directories, gone)
        }
        if (gone.size > manyGone) return undefined
      }
      return { listing, gone }
    } finally {
      parents.close()
    }
  }

  *#merged({ listing: { directories, entries }, gone }: Found, before: Scan): Steps<Scan> {
    for (const path of gone) {
      this.#directories.delete(path)
      this.#shared.delete(path)
    }
    for (const [path, directory] of directories) {
      this.#directories.set(path, directory)
      if (entries.shared.has(path)) this.#shared.add(path)
      else this.#shared.delete(path)
    }
    yield* this.#options.cache.turnPart(gone)
    if (gone.size === 0 && entries.isAsBefore) return before
    const pace = new Pace()
    const snapshot = yield* copied(before.snapshot)
    const different = new Set(gone)
    for (const path of gone) snapshot.delete(path)
    for (const [path, entry] of entries.snapshot) {
      if (pace.isDue) yield
      if (before.snapshot.get(path) !== entry) different.add(path)
      snapshot.set(path, entry)
    }
    noteDifference(before.snapshot, snapshot, different)
    this.#before = { snapshot, problems: [] }
    return this.#before
  }
}

const nothing = (): Looked => ({ entries: 0, readBytes: 0 })

const isDirectory = (path: string) =>
  lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true

interface Found {
  readonly listing: HostListing
  /** What was there before and is not, or is no directory any more. */
  readonly gone: ReadonlySet<TreePath>
}

/** One scan by itself, as `HostScanner.scan`. */
export function scanHost({
  signal,
  ...options
}: HostScannerOptions & { readonly signal?: AbortSignal }): Promise<Scan> {
  const scanner = new HostScanner(options)
  return scanner.scan(signal).finally(() => scanner.close())
}
