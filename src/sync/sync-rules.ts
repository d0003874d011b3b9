/** What is not synced, either way. */

import { byteText, type IgnorePattern, matches, parseIgnoreLine } from '../ignore/pattern.ts'
import type { TreePath } from '../tree.ts'

/** What this server keeps in a root inside where there is no other place. */
export const ownName = '.sandbox-mcp'

/** Stay where they are: a host would otherwise run what a sandbox wrote. */
const keptNames: ReadonlySet<string> = new Set(['.git', 'hooks', 'git-hooks'])

/**
 * Patterns as in a `.gitignore` at the top of the workspace, after `.git`, `hooks` and `git-hooks` at
 * the top; the last that fits decides. One of those is taken back by a pattern that names it, as `!/hooks` does, and not
 * by a wildcard, which is about the rest. A pattern that ends in a slash fits files and links too, so that nothing comes by
 * taking the place of a directory; but none that takes back does.
 */
export class SyncRules {
  readonly #patterns: readonly IgnorePattern[]
  readonly #asksKind: boolean

  constructor(patterns: readonly string[] = []) {
    this.#patterns = patterns.flatMap((line) => parseIgnoreLine(byteText(line)) ?? []).reverse()
    this.#asksKind = this.#patterns.some(asksKind)
  }

  /**
   * Whether `path` is left out, with all below it. What is below is not asked about. `isDirectory` is asked only where
   * a pattern needs to know.
   */
  leavesOut(path: TreePath, isDirectory: () => boolean = unknown): boolean {
    const isTop = !path.includes('/')
    if (isTop && path === ownName) return true
    const isKept = isTop && keptNames.has(folded(path))
    const isOther = this.#asksKind && !isDirectory()
    const whole = byteText(path)
    const name = whole.slice(whole.lastIndexOf('/') + 1)
    for (const pattern of this.#patterns) {
      if (isOther && asksKind(pattern)) continue
      const { negated, nameOnly, tokens } = pattern
      if (isKept && negated && !tokens.every((token) => typeof token === 'number')) continue
      if (matches(tokens, nameOnly ? name : whole)) return !negated
    }
    return isKept
  }
}

/** Equal for names that the file system of some host takes for one: as APFS does with a `k` and the sign for kelvin. */
function folded(name: string): string {
  if (isAscii.test(name)) return name.toLowerCase()
  return name.normalize('NFC').replace(ignorable, '').toUpperCase().toLowerCase()
}

const isAscii = /^[ -~]*$/
/** HFS+ compares names without some of these. */
const ignorable = /\p{Default_Ignorable_Code_Point}/gu

/** Whether a pattern takes back directories alone. */
export const asksKind = ({ negated, directoryOnly }: IgnorePattern) => negated && directoryOnly

/** What is not known to be a directory is none. */
const unknown = () => false

/** The pattern that fits one name at the top and nothing else. */
export function literalPattern(name: string): string {
  return `/${name.replace(/[\\*?[\]!# ]/g, '\\$&')}`
}
