/** What is not synced, either way. */

import { byteText, type IgnorePattern, matches, parseIgnoreLine } from '../ignore/pattern.ts'
import type { TreePath } from '../tree.ts'

/** What this server keeps in a root inside where there is no other place. */
export const ownName = '.sandbox-mcp'

/**
 * Stays where it is, in any case of its letters: hosts that do not tell case apart would otherwise
 * run what a sandbox wrote.
 */
const defaultPatterns: readonly string[] = [
  '/.[gG][iI][tT]',
  '/[hH][oO][oO][kK][sS]',
  '/[gG][iI][tT]-[hH][oO][oO][kK][sS]',
  `/${ownName}`,
]

/**
 * Patterns as in a `.gitignore` at the top of the workspace, after `.git`, `hooks` and `git-hooks` at
 * the top; the last that fits decides, so `!/hooks` takes one of those back. A pattern that ends in a slash fits files
 * and links too, so that nothing comes by taking the place of a directory; but none that takes back does.
 */
export class SyncRules {
  readonly #patterns: readonly IgnorePattern[]
  readonly #asksKind: boolean

  constructor(patterns: readonly string[] = []) {
    this.#patterns = [...defaultPatterns, ...patterns]
      .flatMap((line) => parseIgnoreLine(byteText(line)) ?? [])
      .reverse()
    this.#asksKind = this.#patterns.some(asksKind)
  }

  /**
   * Whether `path` is left out, with all below it. What is below is not asked about. `isDirectory` is asked only where
   * a pattern needs to know.
   */
  leavesOut(path: TreePath, isDirectory: () => boolean = unknown): boolean {
    const isOther = this.#asksKind && !isDirectory()
    const whole = byteText(path)
    const name = whole.slice(whole.lastIndexOf('/') + 1)
    for (const pattern of this.#patterns) {
      if (isOther && asksKind(pattern)) continue
      const { negated, nameOnly, tokens } = pattern
      if (matches(tokens, nameOnly ? name : whole)) return !negated
    }
    return false
  }
}

/** Whether a pattern takes back directories alone. */
export const asksKind = ({ negated, directoryOnly }: IgnorePattern) => negated && directoryOnly

/** What is not known to be a directory is none. */
const unknown = () => false

/** The pattern that fits one name at the top and nothing else. */
export function literalPattern(name: string): string {
  return `/${name.replace(/[\\*?[\]!# ]/g, '\\$&')}`
}
