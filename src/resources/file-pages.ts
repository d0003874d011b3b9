/** The workspace's files as resources, page by page in the byte order of their paths. */
import { isUtf8 } from 'node:buffer'
import { argumentInvalid, isSandboxError } from '../errors.ts'
import { workspaceGone } from '../file-errors.ts'
import type { ByteText } from '../ignore/pattern.ts'
import { IgnoreRules } from '../ignore/rules.ts'
import { type Tree, type TreePath, treePath, treeRoot } from '../tree.ts'
import { Turn } from '../turn.ts'
import { lastModified } from './last-modified.ts'
import { mediaTypeByName } from './media-type.ts'
import type { FileFacts, Named, Sight, SightWalk } from './sight.ts'
import { workspaceUri } from './workspace-uri.ts'

export interface ListedFile {
  readonly uri: string
  readonly name: string
  readonly mimeType?: string
  readonly size: number
  readonly annotations: { readonly lastModified?: string }
}

/** A directory as a page saw it. */
export interface SeenDirectory {
  readonly path: TreePath
  readonly names: readonly Named[]
}

export interface FilePage {
  readonly files: readonly ListedFile[]
  /** Where the next page begins; undefined at the end. */
  readonly nextCursor: string | undefined
  readonly directories: readonly SeenDirectory[]
}

/** What ends a page, whichever comes first. The last keeps one short where nothing is to be listed. */
export const pageLimits = { files: 200, nameBytes: 512 * 1024, directories: 500 }
/** Files of one directory that are looked at together. */
const factsAtOnce = 64

/**
 * The page that `cursor` names, the first without one. Left out are `.git`, what the ignore files
 * leave out, and links but those that lead to a file inside: these read like any file. A link to a
 * directory is not gone into, so that no file is listed twice and no circle is walked.
 *
 * A cursor is a path, so a page costs what it holds and the names in the directories above it; files
 * that exist all the time are listed once, whatever comes and goes between pages. `ARGUMENT_INVALID`
 * for a cursor that no page gave.
 */
export async function listPage(
  tree: Tree,
  sight: Sight,
  cursor: string | undefined,
  signal: AbortSignal,
): Promise<FilePage> {
  const start = cursor === undefined ? '' : startOf(cursor)
  const walk = sight.walk(tree)
  try {
    const page = new PageWalk(walk, start, signal)
    const rules = await IgnoreRules.outermost(walk)
    const next = await page.walk(treeRoot, '', rules)
    const nextCursor = next === undefined ? undefined : cursorOf(next)
    return { files: page.files, directories: page.directories, nextCursor }
  } finally {
    walk.close()
  }
}

class PageWalk {
  readonly files: ListedFile[] = []
  readonly directories: SeenDirectory[] = []
  readonly #sight: SightWalk
  readonly #start: ByteText
  readonly #signal: AbortSignal
  readonly #turn = new Turn()
  #nameBytes = 0
  #entered = 0

  constructor(sight: SightWalk, start: ByteText, signal: AbortSignal) {
    this.#sight = sight
    this.#start = start
    this.#signal = signal
  }

  /** Where the page ends: the first key that it does not cover; undefined when all is covered. */
  async walk(
    directory: TreePath,
    prefix: ByteText,
    outer: IgnoreRules,
  ): Promise<ByteText | undefined> {
    const names = await this.#names(directory)
    this.directories.push({ path: directory, names })
    const ignoreFile = names[firstNotBefore(names, (key) => key < '.gitignore')]
    const rules = ignoreFile?.key === '.gitignore' ? await outer.in(this.#sight, directory) : outer
    this.#sight.expect(this.#ahead(directory, prefix, names, rules))
    let facts: ReadonlyMap<string, FileFacts> = new Map()
    let known = 0
    for (let i = this.#first(names, prefix); i < names.length; i += 1) {
      const { name, kind, key } = names[i] as Named
      const whole = prefix + key
      if (this.#turn.isOver) await this.#yield()
      const isDirectory = kind === 'directory'
      const bytes = isDirectory ? whole.slice(0, -1) : whole
      if (rules.ignores(bytes, isDirectory)) continue
      const path = pathIn(directory, name)
      if (isDirectory) {
        const resumed = this.#start.startsWith(whole)
        if (!resumed && ++this.#entered > pageLimits.directories) return whole
        const end = await this.walk(path, whole, rules)
        if (end !== undefined) return end
        continue
      }
      if (i >= known) {
        known = i + factsAtOnce
        const files = names.slice(i, known).filter((one) => one.kind !== 'directory')
        facts = await this.#sight.files(directory, files)
      }
      const file = facts.get(name)
      // It went away, or it is a link that leads to no file inside.
      if (file !== undefined && !this.#add(path, file)) return whole
    }
    return undefined
  }

  /** Whether a key lies before the page, with all that begins with it. */
  #isBehind(key: ByteText): boolean {
    return key < this.#start && !(key.endsWith('/') && this.#start.startsWith(key))
  }

  /** Where in a directory the page begins. */
  #first(names: readonly Named[], prefix: ByteText): number {
    return firstNotBefore(names, (key) => this.#isBehind(prefix + key))
  }

  /** The directories that the walk will go into, worked out as far as somebody asks. */
  *#ahead(
    directory: TreePath,
    prefix: ByteText,
    names: readonly Named[],
    rules: IgnoreRules,
  ): Generator<TreePath> {
    for (let i = this.#first(names, prefix); i < names.length; i += 1) {
      const { name, kind, key } = names[i] as Named
      if (kind !== 'directory') continue
      const whole = prefix + key
      if (!rules.ignores(whole.slice(0, -1), true)) yield pathIn(directory, name)
    }
  }

  async #names(directory: TreePath): Promise<readonly Named[]> {
    try {
      return await this.#sight.names(directory)
    } catch (error) {
      // Removed, replaced or made unreadable since its parent was listed.
      if (isSandboxError(error) && directory !== treeRoot) return []
      throw isSandboxError(error, 'FILE_NOT_FOUND') ? workspaceGone() : error
    }
  }

  /** False when the page has no room for it. */
  #add(path: TreePath, { size, modifiedMs }: FileFacts): boolean {
    const uri = workspaceUri(path)
    const bytes = uri.length + path.length
    if (this.files.length === pageLimits.files) return false
    if (this.#nameBytes + bytes > pageLimits.nameBytes && this.files.length > 0) return false
    const mimeType = mediaTypeByName(path)
    const annotations = lastModified(modifiedMs)
    this.files.push({ uri, name: path, ...(mimeType && { mimeType }), size, annotations })
    this.#nameBytes += bytes
    return true
  }

  async #yield(): Promise<void> {
    await this.#turn.next()
    this.#signal.throwIfAborted()
  }
}

/** Names are sorted by their keys: all to which `isBefore` applies come before the others. */
function firstNotBefore(names: readonly Named[], isBefore: (key: ByteText) => boolean): number {
  let [low, high] = [0, names.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore((names[middle] as Named).key)) low = middle + 1
    else high = middle
  }
  return low
}

const pathIn = (directory: TreePath, name: string) =>
  treePath(directory === treeRoot ? name : `${directory}/${name}`)

const cursorMark = 'at:'

const cursorOf = (key: ByteText) => Buffer.from(cursorMark + key, 'latin1').toString('base64url')

function startOf(cursor: string): ByteText {
  const bytes = Buffer.from(cursor, 'base64url')
  const key = bytes.toString('latin1').slice(cursorMark.length)
  const path = Buffer.from(key, 'latin1')
  if (cursorOf(key) === cursor && isUtf8(path) && isKey(path.toString())) return key
  throw argumentInvalid(
    'the cursor is not one that this server gave',
    'List from the beginning, without a cursor.',
  )
}

function isKey(path: string): boolean {
  try {
    const clean = treePath(path)
    return clean !== treeRoot && (path === clean || path === `${clean}/`)
  } catch {
    return false
  }
}
