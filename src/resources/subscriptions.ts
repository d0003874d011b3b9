/** What one client wants to hear of: files of the workspace, and logs of commands. */
import { argumentInvalid, isSandboxError } from '../errors.ts'
import type { Execution } from '../exec.ts'
import { notAFile } from '../file-errors.ts'
import { digestOf, type Tree, type TreePath } from '../tree.ts'
import type { Sight, Watch, WatchTimes } from './sight.ts'

export const subscriptionLimit = 256
/** Between two updates of one log. */
const logIntervalMs = 250
/** Larger files are told apart by time and size alone. */
const digestLimitBytes = 1024 * 1024

/**
 * Calls `updated` with the URI that was subscribed to, a moment after what it names was changed, made
 * or removed, by anybody: within 0.2 s where the system tells of changes, else within 2 s. Several
 * changes in that time are one update. A file that was only touched counts as changed. Two changes
 * that leave time, size and inode the same are told apart by content, up to `digestLimitBytes`.
 */
export class Subscriptions {
  readonly #tree: Tree
  readonly #updated: (uri: string) => void
  readonly #watch: Watch
  readonly #ends = new Map<string, () => void>()
  readonly #uris = new Map<TreePath, Set<string>>()
  readonly #digests = new Map<TreePath, string | undefined>()
  #closed = false

  constructor(tree: Tree, sight: Sight, updated: (uri: string) => void, times?: WatchTimes) {
    this.#tree = tree
    this.#updated = updated
    const onChange = (path: TreePath, certain: boolean) => void this.#compare(path, certain)
    this.#watch = sight.watch('files', onChange, times)
  }

  /** What is subscribed to. */
  get uris(): readonly string[] {
    return [...this.#ends.keys()]
  }

  /** Directories that are listened at. */
  get listeners(): number {
    return this.#watch.listeners
  }

  /**
   * The file need not be there yet. `NOT_A_FILE` for a directory, `PATH_OUTSIDE` for a link that leads
   * out, `ARGUMENT_INVALID` when there are too many subscriptions. Harmless to repeat, and without effect
   * after `close`.
   */
  async addFile(uri: string, path: TreePath): Promise<void> {
    if (this.#ends.has(uri)) return
    const stat = await this.#tree.stat(path).catch((error: unknown) => {
      if (isSandboxError(error, 'FILE_NOT_FOUND')) return undefined
      throw error
    })
    if (stat?.kind === 'directory') throw notAFile(path, 'a directory')
    // Others may have been added meanwhile, this one too, and all may have ended.
    if (this.#closed || this.#ends.has(uri)) return
    this.#checkRoom()
    const uris = this.#uris.get(path) ?? new Set()
    this.#uris.set(path, uris.add(uri))
    this.#ends.set(uri, () => {
      uris.delete(uri)
      if (uris.size > 0) return
      this.#uris.delete(path)
      this.#digests.delete(path)
      this.#watch.delete(path)
    })
    await this.#watch.add(path)
    if (!this.#digests.has(path)) this.#digests.set(path, await this.#digest(path))
  }

  /** Updates come while it prints, and when it has ended. */
  addLog(uri: string, execution: Execution): void {
    if (this.#ends.has(uri)) return
    this.#checkRoom()
    let timer: NodeJS.Timeout | undefined
    const tell = () => {
      timer ??= setTimeout(() => {
        timer = undefined
        this.#updated(uri)
      }, logIntervalMs)
    }
    const stop = execution.onOutput(tell)
    this.#ends.set(uri, () => {
      stop()
      clearTimeout(timer)
    })
    const ended = () => {
      if (this.#ends.has(uri)) tell()
    }
    if (execution.ended === undefined) void execution.result.then(ended, ended)
  }

  /** Harmless for what was not subscribed to. */
  delete(uri: string): void {
    this.#ends.get(uri)?.()
    this.#ends.delete(uri)
  }

  /** Looks at all files soon. */
  checkSoon(): void {
    this.#watch.checkSoon()
  }

  close(): void {
    this.#closed = true
    for (const uri of [...this.#ends.keys()]) this.delete(uri)
    this.#watch.close()
  }

  async #compare(path: TreePath, certain: boolean): Promise<void> {
    const before = this.#digests.get(path)
    // Taken before the client is told, so that what it then reads is at least as new.
    const after = await this.#digest(path)
    const uris = this.#uris.get(path)
    if (uris === undefined) return
    this.#digests.set(path, after)
    if (certain || before !== after) for (const uri of uris) this.#updated(uri)
  }

  /** Undefined for what is no file, or a large one. */
  async #digest(path: TreePath): Promise<string | undefined> {
    try {
      const { bytes, size } = await this.#tree.read(path, { offset: 0, length: digestLimitBytes })
      return size > digestLimitBytes ? undefined : digestOf(bytes)
    } catch (error) {
      if (isSandboxError(error)) return undefined
      throw error
    }
  }

  #checkRoom(): void {
    if (this.#ends.size < subscriptionLimit) return
    throw argumentInvalid(
      `there are ${subscriptionLimit} subscriptions already`,
      'Unsubscribe from some first.',
    )
  }
}
