/**
 * Says when every change that was made before has been told to the watches of this process. The kernel keeps
 * what it tells in one queue for all of them (libuv has one inotify descriptor for each event loop), so what was
 * changed last is told last.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, type FSWatcher, futimesSync, openSync, unlinkSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A queue that is full loses the pulse as well. */
const longestMs = 100

/** Of Linux. One beat at a time. Whoever makes it closes it. */
export class WatchPulse {
  /** A file that has no name any more. */
  readonly #descriptor: number
  readonly #watcher: FSWatcher
  #felt: ((isFelt: boolean) => void) | undefined

  /** Throws what the system refuses. */
  constructor() {
    const name = join(tmpdir(), `.sandbox-mcp-pulse-${randomBytes(8).toString('hex')}`)
    this.#descriptor = openSync(name, 'wx', 0o600)
    try {
      unlinkSync(name)
      this.#watcher = watch(`/proc/self/fd/${this.#descriptor}`, { persistent: false })
    } catch (error) {
      closeSync(this.#descriptor)
      throw error
    }
    this.#watcher.on('change', () => this.#felt?.(true))
    this.#watcher.on('error', () => this.#felt?.(false))
  }

  /** False when it is not known whether all has been told; it will not be told later either. */
  async beat(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise((resolve) => {
        this.#felt = resolve
        timer = setTimeout(resolve, longestMs, false)
        const now = Date.now() / 1000
        futimesSync(this.#descriptor, now, now)
      })
    } finally {
      clearTimeout(timer)
      this.#felt = undefined
    }
  }

  close(): void {
    this.#felt?.(false)
    this.#watcher.close()
    closeSync(this.#descriptor)
  }
}
