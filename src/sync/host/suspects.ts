/**
 * Which of the host's directories have to be looked at. Where a watch follows them all it is those that it tells
 * of. A watch does not hear of everything (`watch.ts`), so all are looked at now and then: when nobody waits.
 */
import type { TreePath } from '../../tree.ts'
import { errnoOf } from '../../trees/host-failure.ts'
import { inSlices } from '../slices.ts'
import { type KnownDirectories, otherDirectories } from './glance.ts'
import { HostWatch } from './watch.ts'

export interface HostSuspectsOptions {
  /** Real absolute path. */
  readonly root: string
  /** Those of the last scan; there is none while a look goes on. */
  readonly directories: () => KnownDirectories
}

/** For how long nobody may have asked, before they are followed and before all are looked at once more. */
const idleMs = { follow: 100, look: 1_000 }
/** What a watch tells is good for so long. */
const longestMs = 60_000

/** Of one scanner; whoever makes it closes it. */
export class HostSuspects {
  readonly #options: HostSuspectsOptions
  readonly #watch: HostWatch
  /** When all were looked at while all were followed. */
  #lookedMs: number | undefined
  #timer: NodeJS.Timeout | undefined
  /** What goes on while nobody asks, and what ends it. */
  #looking: { readonly done: Promise<void>; readonly ending: AbortController } | undefined
  #isClosed = false

  constructor(options: HostSuspectsOptions) {
    this.#options = options
    this.#watch = new HostWatch(options.root)
  }

  /** Those that may have changed since this was asked last; undefined when that can be any. */
  async take(): Promise<ReadonlySet<TreePath> | undefined> {
    clearTimeout(this.#timer)
    const looking = this.#looking
    this.#looking = undefined
    // To abort is to make an error, which costs more than all the rest of this.
    looking?.ending.abort()
    await looking?.done
    if (this.#lookedMs === undefined) return undefined
    const isFresh = performance.now() - this.#lookedMs < longestMs
    const changed = isFresh ? await this.#watch.changed() : undefined
    if (changed === undefined) this.#lookedMs = undefined
    return changed
  }

  /** These have to be looked at, once more or still. */
  add(directories: Iterable<TreePath>): void {
    this.#watch.add(directories)
  }

  /** Something has changed that was not told: any may have. */
  doubt(): void {
    this.#lookedMs = undefined
  }

  /** These are known now, some of them anew: between the listing and the watch something may have changed. */
  async listed(directories: KnownDirectories): Promise<void> {
    if (this.#lookedMs === undefined) return
    // What has ended it meanwhile may have changed any of the others.
    if (!this.#watch.isFollowing) this.doubt()
    else if (await inSlices(this.#watch.follow(directories.keys()))) this.add(directories.keys())
  }

  /** All of it is about to be listed anew. */
  forget(): void {
    this.#lookedMs = undefined
    this.#watch.end()
  }

  /** Looks at all of them when nobody has asked for a while. */
  later(): void {
    if (this.#isClosed || process.platform !== 'linux') return
    clearTimeout(this.#timer)
    const start = () => {
      const ending = new AbortController()
      const done = this.#look(ending.signal)
      // Whoever asks next is told.
      done.catch(() => {})
      this.#looking = { done, ending }
    }
    this.#timer = setTimeout(start, this.#lookedMs === undefined ? idleMs.follow : idleMs.look)
    this.#timer.unref()
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { root, directories } = this.#options
    let changed: ReadonlySet<TreePath> | undefined
    try {
      const known = directories()
      if (!(await inSlices(this.#watch.follow(known.keys()), signal))) return
      // What is told after this is not seen by the look, or not for certain.
      changed = await this.#watch.changed()
      if (changed === undefined) return
      const looking = otherDirectories(root, known, () => {})
      this.#watch.add(await inSlices(looking, signal))
      this.#lookedMs = performance.now()
    } catch (error) {
      this.#watch.add(changed ?? [])
      // What the system refuses is told by the look of a call, if it still does then.
      if (!signal.aborted && errnoOf(error) === undefined) throw error
    }
  }

  /** Can be repeated; nothing is followed after it. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    const looking = this.#looking
    looking?.ending.abort()
    await looking?.done.catch(() => {})
    this.forget()
  }
}
