/**
 * Notices changes inside a sandbox by looking again: all that is watched in one round trip, and only while
 * the sandbox is open. Nothing tells of changes there, so there is nothing to listen at.
 */
import { isSandboxError } from '../errors.ts'
import type { TreePath } from '../tree.ts'
import type { SandboxSight } from './sandbox-sight.ts'
import type { Look, OnChange, Watch, WatchTimes } from './sight.ts'

/** Others work there too. */
const sandboxWatchTimes: WatchTimes = { pollMs: 5_000, hintMs: 100 }
/** Of a listing; what is beyond is not watched. */
const listingLimit = 500

export class SandboxWatch implements Watch {
  readonly listeners = 0
  readonly #sight: SandboxSight
  readonly #what: 'files' | 'listing'
  readonly #onChange: OnChange
  readonly #times: WatchTimes
  readonly #watched = new Map<TreePath, Look | undefined>()
  readonly #hinted = new Set<TreePath>()
  #poll: NodeJS.Timeout | undefined
  #soon: NodeJS.Timeout | undefined
  #checking: Promise<void> = Promise.resolve()

  /** A listing is looked at after calls only. */
  constructor(
    sight: SandboxSight,
    what: 'files' | 'listing',
    onChange: OnChange,
    times = sandboxWatchTimes,
  ) {
    this.#sight = sight
    this.#what = what
    this.#onChange = onChange
    this.#times = times
  }

  async add(path: TreePath): Promise<void> {
    if (this.#watched.has(path)) return
    if (this.#what === 'listing' && this.#watched.size >= listingLimit) return
    const listed = this.#what === 'listing' ? this.#sight.remembered(path) : undefined
    this.#watched.set(path, listed)
    this.#schedule()
    if (this.#what === 'files') await this.#inTurn(() => this.#lookFirst(path))
    else if (listed === undefined) this.#hint([path])
  }

  delete(path: TreePath): void {
    this.#watched.delete(path)
    this.#hinted.delete(path)
    if (this.#watched.size === 0) this.close()
  }

  checkSoon(): void {
    this.#hint(this.#watched.keys())
  }

  close(): void {
    clearTimeout(this.#poll)
    clearTimeout(this.#soon)
    this.#poll = this.#soon = undefined
    this.#watched.clear()
    this.#hinted.clear()
  }

  #schedule(): void {
    if (this.#what === 'listing' || this.#poll !== undefined || this.#watched.size === 0) return
    const timer = setTimeout(async () => {
      await this.#check([...this.#watched.keys()])
      // It may have been closed meanwhile, and begun anew.
      if (this.#poll !== timer) return
      this.#poll = undefined
      this.#schedule()
    }, this.#times.pollMs)
    this.#poll = timer.unref()
  }

  #hint(paths: Iterable<TreePath>): void {
    for (const path of paths) this.#hinted.add(path)
    if (this.#soon !== undefined || this.#hinted.size === 0) return
    this.#soon = setTimeout(async () => {
      // What comes while it is looked is looked at afterwards, and not at the same time.
      await this.#checking
      this.#soon = undefined
      const hinted = [...this.#hinted]
      this.#hinted.clear()
      await this.#check(hinted)
    }, this.#times.hintMs)
    this.#soon.unref()
  }

  #check(paths: readonly TreePath[]): Promise<void> {
    return this.#inTurn(() => this.#lookAgain(paths))
  }

  /** One at a time: two would tell one change twice. What cannot be seen now is looked at again. */
  #inTurn(look: () => Promise<void>): Promise<void> {
    this.#checking = this.#checking.then(look).catch((error: unknown) => {
      if (!isSandboxError(error)) console.error(error)
    })
    return this.#checking
  }

  async #lookFirst(path: TreePath): Promise<void> {
    if (!this.#sight.isReady) return
    const look = (await this.#sight.looks([path])).get(path)
    // What is done in the same moment may not show.
    if (look !== undefined && this.#watched.has(path)) {
      this.#watched.set(path, { ...look, unsettled: true })
    }
  }

  async #lookAgain(asked: readonly TreePath[]): Promise<void> {
    const paths = asked.filter((path) => this.#watched.has(path))
    if (paths.length === 0 || !this.#sight.isReady) return
    const looks = await this.#sight.looks(paths)
    const changes = paths.flatMap((path) => this.#compare(path, looks.get(path)))
    if (this.#what === 'listing') {
      const directories = changes.filter(({ path }) => looks.get(path)?.kind === 'directory')
      await this.#sight.listAhead(directories.map(({ path }) => path))
    }
    // Not before: what could not be listed has to be found changed again.
    for (const [path, look] of looks) if (this.#watched.has(path)) this.#watched.set(path, look)
    for (const { path, certain } of changes) this.#onChange(path, certain)
  }

  #compare(path: TreePath, look: Look | undefined) {
    if (look === undefined || !this.#watched.has(path)) return []
    const before = this.#watched.get(path)
    if (before !== undefined && look.signature !== before.signature)
      return [{ path, certain: true }]
    return before === undefined || before.unsettled ? [{ path, certain: false }] : []
  }
}
