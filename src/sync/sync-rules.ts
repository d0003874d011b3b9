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
 * the top; the last that fits decides, so `!/hooks` takes one of those back. A pattern that ends in a slash fits files and links too: what is left out must not depend on what either side
 * has there.
 */
export class SyncRules {
  readonly #patterns: readonly IgnorePattern[]

  constructor(patterns: readonly string[] = []) {
    this.#patterns = [...defaultPatterns, ...patterns]
      .flatMap((line) => parseIgnoreLine(byteText(line)) ?? [])
      .reverse()
  }

  /** Whether `path` is left out, with all below it. What is below is not asked about. */
  leavesOut(path: TreePath): boolean {
    const whole = byteText(path)
    const name = whole.slice(whole.lastIndexOf('/') + 1)
    for (const { negated, nameOnly, tokens } of this.#patterns) {
      if (matches(tokens, nameOnly ? name : whole)) return !negated
    }
    return false
  }
}

/** The pattern that fits one name at the top and nothing else. */
export function literalPattern(name: string): string {
  return `/${name.replace(/[\\*?[\]!# ]/g, '\\$&')}`
}
