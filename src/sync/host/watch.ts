/**
 * What the kernel tells of changes in the host's directories (inotify, of Linux). A change is told to whoever
 * watches before the call that makes it returns. What it does not tell: a change through a mapping of the file
 * into memory, one by another name of the file that is elsewhere, and one on a file system that others have too.
 */
import { type FSWatcher, lstatSync, readFileSync, type Stats, watch } from 'node:fs'
import { basename } from 'node:path'
import { type TreePath, treeRoot } from '../../tree.ts'
import { errnoOf } from '../../trees/host-failure.ts'
import { isLocal } from '../sandbox/vantage.ts'
import { Pace, type Steps } from '../slices.ts'
import { WatchPulse } from './watch-pulse.ts'

/** More directories are not followed, nor more than an eighth of what a user of this system may watch. */
const mostWatches = 10_000
const shareOfWatches = 1 / 8
/** Of the kernel's queue. What was lost because it was full was behind more than this. */
const shareOfQueue = 1 / 4

/** Follows directories below one root until something happens that it cannot keep track of. Whoever makes it ends it. */
export class HostWatch {
  readonly #root: string
  readonly #watchers = new Map<TreePath, FSWatcher>()
  #changed = new Set<TreePath>()
  #pulse: WatchPulse | undefined
  #rootThen: Stats | undefined
  #most = 0
  #mostTold = 0
  /** Since the last answer. */
  #told = 0
  #isRefused = false

  /** `root` is a real absolute path. */
  constructor(root: string) {
    this.#root = root
  }

  /** Whether all that it was told to follow still is. */
  get isFollowing(): boolean {
    return this.#pulse !== undefined
  }

  /**
   * Follows these as well. False when they cannot all be followed, and none is then: what is told is only good
   * if all is.
   */
  *follow(directories: Iterable<TreePath>): Steps<boolean> {
    if (this.#isRefused || !this.#isLocal()) return this.end()
    const pace = new Pace()
    try {
      if (this.#pulse === undefined) this.#begin()
      for (const path of directories) {
        if (this.#pulse === undefined) return false
        if (this.#watchers.has(path)) continue
        if (this.#watchers.size >= this.#most) return this.#refuse()
        this.#follow(path)
        if (pace.isDue) yield
      }
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      // A directory that is gone is for the next look; others take what there is to watch with.
      return code === 'ENOENT' || code === 'ENOTDIR' ? this.end() : this.#refuse()
    }
    return true
  }

  /**
   * In which of the directories something may have changed since this was asked last. Undefined when that cannot
   * be told, and then none is followed any more.
   */
  async changed(): Promise<Set<TreePath> | undefined> {
    const pulse = this.#pulse
    if (pulse === undefined) return undefined
    const isFelt = this.#isSameRoot() && this.#isLocal() && (await pulse.beat())
    // What was told meanwhile may have ended it.
    if (this.#pulse !== pulse) return undefined
    if (!isFelt) {
      this.end()
      return undefined
    }
    const changed = this.#changed
    this.#changed = new Set()
    this.#told = 0
    return changed
  }

  /** Takes these for changed. */
  add(directories: Iterable<TreePath>): void {
    for (const path of directories) this.#changed.add(path)
  }

  /** Follows none any more; can be repeated. */
  end(): false {
    this.#pulse?.close()
    this.#pulse = undefined
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
    this.#changed = new Set()
    return false
  }

  #begin(): void {
    this.#most = Math.min(mostWatches, shareOfWatches * limit('max_user_watches'))
    this.#mostTold = shareOfQueue * limit('max_queued_events')
    this.#rootThen = lstatSync(this.#root)
    this.#told = 0
    this.#pulse = new WatchPulse()
  }

  #refuse(): false {
    this.#isRefused = true
    return this.end()
  }

  #follow(path: TreePath): void {
    const at = path === treeRoot ? this.#root : `${this.#root}/${path}`
    const watcher = watch(at, { persistent: false })
    this.#watchers.set(path, watcher)
    const own = basename(at)
    watcher.on('change', (type, name) => this.#tell(path, own, type, `${name}`))
    watcher.on('error', () => this.end())
  }

  /** A directory itself is told of by its own name. */
  #tell(path: TreePath, own: string, type: string, name: string): void {
    this.#told += 1
    this.#changed.add(path)
    const inner = (path === treeRoot ? name : `${path}/${name}`) as TreePath
    // Where a directory was moved, what is below it is followed under paths that are not its own.
    const isMoved = type === 'rename' && (name === own || this.#watchers.has(inner))
    if (isMoved || this.#told > this.#mostTold) this.end()
  }

  #isSameRoot(): boolean {
    const now = lstatSync(this.#root, { throwIfNoEntry: false })
    return now?.ino === this.#rootThen?.ino && now?.dev === this.#rootThen?.dev
  }

  #isLocal(): boolean {
    try {
      return isLocal(this.#root, { mounts: readFileSync('/proc/self/mountinfo', 'utf8') })
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return false
    }
  }
}

/** One of inotify's limits; zero where there is none. */
function limit(name: string): number {
  return Number(readFileSync(`/proc/sys/fs/inotify/${name}`, 'utf8')) || 0
}
