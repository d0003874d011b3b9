/** What the ignore files of a workspace leave out, decided as git decides. */
import { isSandboxError } from '../errors.ts'
import { type Tree, type TreePath, treePath, treeRoot } from '../tree.ts'
import { type ByteText, byteText, type IgnorePattern, matches, parseIgnoreLine } from './pattern.ts'

/** What ignore files are read by. */
type Reader = Pick<Tree, 'read'>

/** An ignore file that is longer counts up to here. */
const fileLimitBytes = 64 * 1024

/**
 * The rules that hold in one directory: those of its own `.gitignore`, then of its parents', then of
 * `.git/info/exclude`. Inside one file the last pattern that fits decides. Immutable.
 */
export class IgnoreRules {
  readonly #outer: IgnoreRules | undefined
  /** Of the paths below the file's directory, what comes before the part its patterns are about. */
  readonly #prefixLength: number
  readonly #patterns: readonly IgnorePattern[]

  private constructor(
    outer: IgnoreRules | undefined,
    prefixLength: number,
    patterns: readonly IgnorePattern[],
  ) {
    this.#outer = outer
    this.#prefixLength = prefixLength
    this.#patterns = patterns
  }

  /** The rules outside of every `.gitignore`. */
  static async outermost(tree: Reader): Promise<IgnoreRules> {
    return new IgnoreRules(undefined, 0, await patternsIn(tree, treePath('.git/info/exclude')))
  }

  /** The rules in `directory`. An ignored directory has those of the one it is in. */
  static async at(tree: Reader, directory: TreePath): Promise<IgnoreRules> {
    let rules = await (await IgnoreRules.outermost(tree)).in(tree, treeRoot)
    const names = directory === treeRoot ? [] : directory.split('/')
    for (let depth = 1; depth <= names.length; depth++) {
      rules = await rules.in(tree, treePath(names.slice(0, depth).join('/')))
    }
    return rules
  }

  /** These rules and those of `directory`, which is directly below the one they are of. */
  async in(tree: Reader, directory: TreePath): Promise<IgnoreRules> {
    const prefix = directory === treeRoot ? '' : `${directory}/`
    const patterns = await patternsIn(tree, treePath(`${prefix}.gitignore`))
    if (patterns.length === 0) return this
    return new IgnoreRules(this, byteText(prefix).length, patterns)
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

async function patternsIn(tree: Reader, path: TreePath): Promise<readonly IgnorePattern[]> {
  try {
    const { bytes } = await tree.read(path, { offset: 0, length: fileLimitBytes })
    const text = bytes.toString('latin1').replace(/^\xef\xbb\xbf/, '')
    return text.split('\n').flatMap((line) => parseIgnoreLine(line) ?? [])
  } catch (error) {
    // There is none, or none that may be read.
    if (isSandboxError(error)) return []
    throw error
  }
}
