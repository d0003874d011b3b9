/** One listing of a workspace inside a sandbox: the directories that come next are asked for together. */
import {
  type ByteRange,
  type FileContent,
  type Tree,
  type TreePath,
  treePath,
  treeRoot,
} from '../tree.ts'
import type { SandboxSight, SeenInside } from './sandbox-sight.ts'
import type { FileFacts, Named, SightWalk } from './sight.ts'

/** Directories in one round trip: few at first, for a page may end soon. */
const portion = { first: 8, most: 64 }

export class SandboxWalk implements SightWalk {
  readonly #tree: Tree
  readonly #sight: SandboxSight
  /** The last one comes first. */
  readonly #expected: Iterator<TreePath>[] = []
  /** What was seen and not asked for yet. */
  readonly #ahead = new Map<TreePath, SeenInside>()
  /** Of the files in each directory that was asked for. */
  readonly #facts = new Map<TreePath, ReadonlyMap<string, FileFacts>>()
  readonly #ignoreFiles = new Map<TreePath, Buffer>()
  #portion = portion.first

  constructor(tree: Tree, sight: SandboxSight) {
    this.#tree = tree
    this.#sight = sight
  }

  async read(path: TreePath, range?: ByteRange): Promise<FileContent> {
    const bytes = this.#ignoreFiles.get(path)
    if (bytes === undefined) return this.#tree.read(path, range)
    return { bytes, size: bytes.length, modifiedMs: 0, executable: false }
  }

  close(): void {}

  expect(directories: Iterator<TreePath>): void {
    this.#expected.push(directories)
  }

  async names(path: TreePath): Promise<readonly Named[]> {
    if (!this.#ahead.has(path)) await this.#look(path)
    const seen = this.#ahead.get(path)
    if (seen === undefined) {
      // It is no directory any more, or may not be seen: the tree has the words for it.
      await this.#tree.list(path)
      return []
    }
    this.#ahead.delete(path)
    if (seen.facts !== undefined) this.#facts.set(path, seen.facts)
    if (seen.ignoreFile !== undefined) {
      this.#ignoreFiles.set(pathIn(path, '.gitignore'), seen.ignoreFile)
    }
    return seen.names
  }

  async files(
    directory: TreePath,
    names: readonly Named[],
  ): Promise<ReadonlyMap<string, FileFacts>> {
    const known = this.#facts.get(directory)
    const facts = new Map<string, FileFacts>()
    const unknown: TreePath[] = []
    for (const { name, kind } of names) {
      const fact = known?.get(name)
      if (fact !== undefined) facts.set(name, fact)
      else if (kind === 'link' || known === undefined) unknown.push(pathIn(directory, name))
    }
    for (const [path, fact] of await this.#sight.files(unknown)) {
      facts.set(path.slice(path.lastIndexOf('/') + 1), fact)
    }
    return facts
  }

  async #look(path: TreePath): Promise<void> {
    const paths = [path]
    while (paths.length < this.#portion) {
      const next = this.#takeNext()
      if (next === undefined) break
      if (next !== path && !this.#ahead.has(next)) paths.push(next)
    }
    this.#portion = Math.min(portion.most, this.#portion * 2)
    for (const [one, seen] of await this.#sight.see(paths)) this.#ahead.set(one, seen)
  }

  #takeNext(): TreePath | undefined {
    for (;;) {
      const next = this.#expected.at(-1)?.next()
      if (next === undefined) return undefined
      if (!next.done) return next.value
      this.#expected.pop()
    }
  }
}

const pathIn = (directory: TreePath, name: string) =>
  treePath(directory === treeRoot ? name : `${directory}/${name}`)
