/** Notices when files come to the listing a client has seen, or go from it. */
import { isSandboxError } from '../errors.ts'
import { byteText } from '../ignore/pattern.ts'
import { IgnoreRules } from '../ignore/rules.ts'
import { type Tree, type TreePath, treePath } from '../tree.ts'
import { Turn } from '../turn.ts'
import type { SeenDirectory } from './file-pages.ts'
import type { Named, Sight, Watch, WatchTimes } from './sight.ts'

/** What is watched of a listing, in its order; a client that lists more hears of that much. */
export const listingLimits = { directories: 1_000, names: 50_000 }
/** Between two notifications. */
const intervalMs = 500
/** Of the whole workspace: no listing goes through its directory. */
const outermost = treePath('.git/info/exclude')

/**
 * Calls `changed` when a name appeared in one of the directories that the latest listing went through,
 * or went away, or when an ignore file there or `.git/info/exclude` was changed; never for what the ignore
 * files leave out, and never before something was listed. As quick as `Subscriptions`. Beyond `listingLimits.names` the
 * names are not remembered, and any change of the directory counts.
 */
export class ListingWatch {
  readonly #tree: Tree
  readonly #sight: Sight
  readonly #changed: () => void
  readonly #watch: Watch
  readonly #seen = new Map<TreePath, readonly Named[] | undefined>()
  readonly #ignoreFiles = new Set<TreePath>()
  #names = 0
  #timer: NodeJS.Timeout | undefined
  #comparing: Promise<void> = Promise.resolve()
  #toldMs = 0
  #closed = false

  constructor(tree: Tree, sight: Sight, changed: () => void, times?: WatchTimes) {
    this.#tree = tree
    this.#sight = sight
    this.#changed = changed
    this.#watch = sight.watch('listing', (path, certain) => this.#changedAt(path, certain), times)
  }

  /** Directories that are listened at. */
  get listeners(): number {
    return this.#watch.listeners
  }

  /** A page was given; the `first` one begins a new listing. Nothing is watched of one that comes after `close`. */
  saw(directories: readonly SeenDirectory[], first: boolean): void {
    if (this.#closed) return
    if (first) this.#forget()
    this.#watchIgnoreFile(outermost)
    for (const { path, names } of directories) {
      if (this.#seen.has(path)) continue
      if (this.#seen.size >= listingLimits.directories) return
      const remembered = this.#names + names.length <= listingLimits.names
      if (remembered) this.#names += names.length
      this.#seen.set(path, remembered ? names : undefined)
      void this.#watch.add(path)
      if (names.some(({ key }) => key === '.gitignore')) {
        this.#watchIgnoreFile(treePath(path === '' ? '.gitignore' : `${path}/.gitignore`))
      }
    }
  }

  #watchIgnoreFile(path: TreePath): void {
    this.#ignoreFiles.add(path)
    void this.#watch.add(path)
  }

  /** Looks at all soon. */
  checkSoon(): void {
    this.#watch.checkSoon()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#forget()
  }

  #forget(): void {
    this.#watch.close()
    this.#seen.clear()
    this.#ignoreFiles.clear()
    this.#names = 0
  }

  /** One after the other: looking at a directory may take a while. */
  #changedAt(path: TreePath, certain: boolean): void {
    this.#comparing = this.#comparing
      .then(() => this.#compare(path, certain))
      .catch((error: unknown) => console.error(error))
  }

  async #compare(path: TreePath, certain: boolean): Promise<void> {
    if (this.#ignoreFiles.has(path)) {
      if (certain) this.#tell()
      return
    }
    if (!this.#seen.has(path)) return
    const before = this.#seen.get(path)
    if (before === undefined) {
      if (certain) this.#tell()
      return
    }
    const after = await this.#namesIn(path)
    if (after === undefined || !this.#seen.has(path)) return
    this.#seen.set(path, after)
    const differing = difference(before, after)
    if (differing.length === 0 || this.#timer !== undefined) return
    if (await this.#isListed(path, differing)) this.#tell()
  }

  /** Whether any of what is in `directory` is not left out. */
  async #isListed(directory: TreePath, names: readonly Named[]): Promise<boolean> {
    const rules = await IgnoreRules.at(this.#tree, directory)
    const prefix = directory === '' ? '' : `${byteText(directory)}/`
    const turn = new Turn()
    for (const { name, kind } of names) {
      // One that leaves itself out counts for the others all the same.
      if (name === '.gitignore') return true
      if (!rules.ignores(prefix + byteText(name), kind === 'directory')) return true
      if (turn.isOver) await turn.next()
    }
    return false
  }

  /** Undefined while it cannot be seen. */
  async #namesIn(path: TreePath): Promise<readonly Named[] | undefined> {
    try {
      return await this.#sight.names(path)
    } catch (error) {
      if (!isSandboxError(error)) throw error
      return ['SANDBOX_LOST', 'CANCELLED'].includes(error.code) ? undefined : []
    }
  }

  #tell(): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        this.#toldMs = Date.now()
        this.#changed()
      },
      Math.max(0, this.#toldMs + intervalMs - Date.now()),
    ).unref()
  }
}

/** What is in one of them only. */
function difference(before: readonly Named[], after: readonly Named[]): Named[] {
  if (before === after) return []
  const [old, now] = [before, after].map((names) => new Set(names.map(({ key }) => key))) as [
    Set<string>,
    Set<string>,
  ]
  return [...before.filter(({ key }) => !now.has(key)), ...after.filter(({ key }) => !old.has(key))]
}
