/** What the ignore files of a workspace leave out, decided as git decides. */
import { isSandboxError } from '../errors.ts'
import { type Tree, type TreePath, treePath, treeRoot } from '../tree.ts'
import { Turn } from '../turn.ts'
import { type ByteText, byteText, type IgnorePattern, matches, parseIgnoreLine } from './pattern.ts'

/** What ignore files are read by. */
type Reader = Pick<Tree, 'read'>

/** An ignore file that is longer counts up to the last line that ends before here. */
export const fileLimitBytes = 64 * 1024
/**
 * What those that hold in one directory count for together, the outermost first. A workspace is not trusted:
 * with a file in each of many nested directories they would take all memory there is.
 */
const togetherLimitBytes = 256 * 1024

/**
 * The rules that hold in one directory: those of its own `.gitignore`, then of its parents', then of
 * `.git/info/exclude`. Inside one file the last pattern that fits decides. Immutable.
 */
export class IgnoreRules {
  readonly #outer: IgnoreRules | undefined
  /** Of the files of these rules and of the outer ones. */
  readonly #bytes: number
  /** Of the paths below the file's directory, what comes before the part its patterns are about. */
  readonly #prefixLength: number
  readonly #patterns: readonly IgnorePattern[]

  private constructor(outer: IgnoreRules | undefined, prefixLength: number, text: ByteText) {
    this.#outer = outer
    this.#bytes = (outer === undefined ? 0 : outer.#bytes) + text.length
    this.#prefixLength = prefixLength
    this.#patterns = text.split('\n').flatMap((line) => parseIgnoreLine(line) ?? [])
  }

  /** The rules outside of every `.gitignore`. */
  static async outermost(tree: Reader): Promise<IgnoreRules> {
    const path = treePath('.git/info/exclude')
    return new IgnoreRules(undefined, 0, await textOf(tree, path, fileLimitBytes))
  }

  /** The rules in `directory`. An ignored directory has those of the one it is in. */
  static async at(tree: Reader, directory: TreePath): Promise<IgnoreRules> {
    let rules = await (await IgnoreRules.outermost(tree)).in(tree, treeRoot)
    const names = directory === treeRoot ? [] : directory.split('/')
    // A directory may lie two thousand deep, and each file is looked for from the root.
    const turn = new Turn()
    for (let depth = 1; depth <= names.length; depth++) {
      if (turn.isOver) await turn.next()
      rules = await rules.in(tree, treePath(names.slice(0, depth).join('/')))
    }
    return rules
  }

  /** These rules and those of `directory`, which is directly below the one they are of. */
  async in(tree: Reader, directory: TreePath): Promise<IgnoreRules> {
    const prefix = directory === treeRoot ? '' : `${directory}/`
    const limit = Math.min(fileLimitBytes, togetherLimitBytes - this.#bytes)
    const text = await textOf(tree, treePath(`${prefix}.gitignore`), limit)
    return text === '' ? this : new IgnoreRules(this, byteText(prefix).length, text)
  }

  /**
   * Whether the file or directory of that path, directly below the one these rules are of, is left
   * out. What is in a directory that is left out is not asked about.
   */
  ignores(path: ByteText, isDirectory: boolean): boolean {
    const name = path.slice(path.lastIndexOf('/') + 1)
    for (let rules: IgnoreRules | undefined = this; rules !== undefined; rules = rules.#outer) {
      const relative = path.slice(rules.#prefixLength)
      for (let i = rules.#patterns.length - 1; i >= 0; i--) {
        const { negated, directoryOnly, nameOnly, tokens } = rules.#patterns[i] as IgnorePattern
        if (directoryOnly && !isDirectory) continue
        if (matches(tokens, nameOnly ? name : relative)) return !negated
      }
    }
    return false
  }
}

/** Of an ignore file, whole lines of it in `limit` bytes. */
async function textOf(tree: Reader, path: TreePath, limit: number): Promise<ByteText> {
  if (limit === 0) return ''
  try {
    const { bytes } = await tree.read(path, { offset: 0, length: limit })
    return wholeLines(bytes, limit)
  } catch (error) {
    // There is none, or none that may be read.
    if (isSandboxError(error)) return ''
    throw error
  }
}

/** Those of an ignore file that end before `limit`. */
export function wholeLines(bytes: Buffer, limit: number): ByteText {
  if (limit === 0) return ''
  // What is left of a line that was cut could be a pattern that fits everything.
  const end = bytes.length < limit ? bytes.length : bytes.lastIndexOf('\n', limit - 1) + 1
  return bytes.toString('latin1', 0, end).replace(/^\xef\xbb\xbf/, '')
}
