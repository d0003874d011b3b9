/**
 * Notices when what is at a path changes, whoever changed it. The truth is looking again every two
 * seconds, which works on every file system; where the system tells of changes in a directory, that
 * is a hint to look at once. Only directories inside the workspace are listened at.
 */
import { type FSWatcher, watch } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TreePath } from '../tree.ts'
import type { HostSight } from './host-sight.ts'
import type { HostTrail, ListeningPost } from './host-trail.ts'
import type { Look, OnChange, Watch, WatchTimes } from './sight.ts'

export const pathWatchTimes: WatchTimes = { pollMs: 2_000, hintMs: 100 }

/** The system has few; what has none is polled. */
const listenerLimit = 128
/** Looks between which nobody else gets a turn. */
const looksPerTurn = 32

interface Watched {
  look: Look
  post: string | undefined
}

interface Post {
  readonly watcher: FSWatcher | undefined
  readonly paths: Set<TreePath>
}

export class PathWatch implements Watch {
  readonly #sight: HostSight
  readonly #onChange: OnChange
  readonly #times: WatchTimes
  readonly #watched = new Map<TreePath, Watched>()
  readonly #posts = new Map<string, Post>()
  readonly #hinted = new Set<TreePath>()
  #poll: NodeJS.Timeout | undefined
  #soon: NodeJS.Timeout | undefined
  #checking: Promise<void> = Promise.resolve()
  #added: HostTrail | undefined

  constructor(sight: HostSight, onChange: OnChange, times: WatchTimes = pathWatchTimes) {
    this.#sight = sight
    this.#onChange = onChange
    this.#times = times
  }

  get size(): number {
    return this.#watched.size
  }

  get listeners(): number {
    return [...this.#posts.values()].filter(({ watcher }) => watcher !== undefined).length
  }

  async add(path: TreePath): Promise<void> {
    if (this.#watched.has(path)) return
    const watched: Watched = {
      look: { signature: '', kind: 'absent', unsettled: true },
      post: undefined,
    }
    this.#watched.set(path, watched)
    const look = this.#look(path, watched, this.#trailOfAdded())
    watched.look = { ...look, unsettled: true }
    this.#schedule()
  }

  delete(path: TreePath): void {
    const watched = this.#watched.get(path)
    if (watched === undefined) return
    this.#watched.delete(path)
    this.#hinted.delete(path)
    this.#leave(watched.post, path)
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
    for (const { watcher } of this.#posts.values()) watcher?.close()
    this.#posts.clear()
  }

  #schedule(): void {
    if (this.#poll !== undefined || this.#watched.size === 0) return
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
    this.#soon = setTimeout(() => {
      this.#soon = undefined
      const hinted = [...this.#hinted]
      this.#hinted.clear()
      void this.#check(hinted)
    }, this.#times.hintMs)
    this.#soon.unref()
  }

  /** One check at a time: two would tell one change twice. */
  #check(paths: readonly TreePath[]): Promise<void> {
    this.#checking = this.#checking.then(async () => {
      const trail = this.#sight.trail()
      try {
        for (const [i, path] of paths.entries()) {
          const watched = this.#watched.get(path)
          if (watched === undefined) continue
          const before = watched.look
          watched.look = this.#look(path, watched, trail)
          if (watched.look.signature !== before.signature) this.#onChange(path, true)
          else if (before.unsettled) this.#onChange(path, false)
          if (i % looksPerTurn === looksPerTurn - 1) await nextTurn()
        }
      } finally {
        trail.close()
      }
    })
    return this.#checking
  }

  #look(path: TreePath, watched: Watched, trail: HostTrail): Look {
    const before = watched.post
    let post: string | undefined
    const listen = (found: ListeningPost) => {
      post = found.identity
      if (post !== before) this.#enter(found, path)
    }
    const look = this.#sight.look(path, listen, trail)
    watched.post = post
    if (post === before) return look
    this.#leave(before, path)
    // What happened before there was a listener is in a look after it.
    return this.#sight.look(path, undefined, trail)
  }

  /** One for all that are added together. */
  #trailOfAdded(): HostTrail {
    if (this.#added !== undefined) return this.#added
    const trail = this.#sight.trail()
    this.#added = trail
    queueMicrotask(() => {
      this.#added = undefined
      trail.close()
    })
    return trail
  }

  #enter({ identity, at }: ListeningPost, path: TreePath): void {
    const post = this.#posts.get(identity)
    if (post !== undefined) post.paths.add(path)
    else this.#posts.set(identity, { watcher: this.#listen(identity, at), paths: new Set([path]) })
  }

  #leave(identity: string | undefined, path: TreePath): void {
    const post = identity === undefined ? undefined : this.#posts.get(identity)
    if (identity === undefined || post === undefined) return
    post.paths.delete(path)
    if (post.paths.size > 0) return
    post.watcher?.close()
    this.#posts.delete(identity)
  }

  /** Undefined where the system cannot, or has no more of them. */
  #listen(identity: string, at: string): FSWatcher | undefined {
    if (this.listeners >= listenerLimit) return undefined
    try {
      const watcher = watch(at, { persistent: false }, () => {
        this.#hint(this.#posts.get(identity)?.paths ?? [])
      })
      watcher.on('error', () => watcher.close())
      return watcher
    } catch {
      return undefined
    }
  }
}
