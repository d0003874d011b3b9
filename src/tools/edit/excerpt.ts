/** The first few changed lines, so that a model sees what its edit did without reading again. */
import { countNewlines, cutLine, withLineFeeds } from '../text-lines.ts'
import type { Replacement } from './apply-edits.ts'

const hunkLimit = 3
const lineLimit = 4
const widthLimit = 120

export interface Excerpt {
  /** Number, in the new text, of the first line that differs. */
  readonly firstChangedLine: number
  /** `@@ line N`, then `-` and `+` lines; bounded. */
  readonly text: string
}

/** What the replacements (ascending, at least one) did to the text. */
export function excerptOf(text: string, replacements: readonly Replacement[]): Excerpt {
  const hunks: string[] = []
  let firstChangedLine = 0
  let line = 1
  let counted = 0
  let growth = 0
  let next = 0
  while (next < replacements.length && hunks.length < hunkLimit) {
    const group = groupAt(text, replacements, next)
    next += group.length
    const from = lineStart(text, group[0]?.from ?? 0)
    const to = lineEnd(text, group.at(-1)?.to ?? 0)
    line += countNewlines(text, counted, from)
    counted = from
    const oldLines = linesIn(text.slice(from, to))
    const newLines = linesIn(replaced(text, from, to, group))
    const same = commonStart(oldLines, newLines)
    const number = line + growth + same
    if (firstChangedLine === 0) firstChangedLine = number
    hunks.push(hunk(number, oldLines.slice(same), newLines.slice(same)))
    growth += newLines.length - oldLines.length
  }
  const left = replacements.length - next
  if (left > 0) hunks.push(`(${left} more)`)
  return { firstChangedLine, text: hunks.join('\n') }
}

/** The replacements from `first` on that share a line with the one before. */
function groupAt(text: string, all: readonly Replacement[], first: number): Replacement[] {
  const group: Replacement[] = []
  let end = -1
  for (let i = first; i < all.length; i += 1) {
    const replacement = all[i]
    if (replacement === undefined || (i > first && replacement.from > end)) break
    group.push(replacement)
    if (replacement.to > end) end = lineEnd(text, replacement.to)
  }
  return group
}

function replaced(text: string, from: number, to: number, group: readonly Replacement[]): string {
  const parts: string[] = []
  let at = from
  for (const replacement of group) {
    parts.push(text.slice(at, replacement.from), replacement.with)
    at = replacement.to
  }
  parts.push(text.slice(at, to))
  return parts.join('')
}

function hunk(line: number, oldLines: readonly string[], newLines: readonly string[]): string {
  const tail = commonStart(oldLines.toReversed(), newLines.toReversed())
  const removed = bounded('-', oldLines.slice(0, oldLines.length - tail))
  const added = bounded('+', newLines.slice(0, newLines.length - tail))
  return [`@@ line ${line}`, ...removed, ...added].join('\n')
}

function bounded(sign: string, lines: readonly string[]): string[] {
  const told = lines.slice(0, lineLimit).map((line) => sign + cutLine(line, widthLimit))
  if (lines.length > lineLimit) told.push(`${sign} \u2026 ${lines.length - lineLimit} more lines`)
  return told
}

function commonStart(a: readonly string[], b: readonly string[]): number {
  let count = 0
  while (count < a.length && count < b.length && a[count] === b[count]) count += 1
  return count
}

function linesIn(text: string): string[] {
  return withLineFeeds(text).split('\n')
}

function lineStart(text: string, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1
}

/** Where the newline after `at` is, be it CRLF or LF, or the end. */
function lineEnd(text: string, at: number): number {
  const newline = text.indexOf('\n', at)
  if (newline === -1) return text.length
  return newline > at && text[newline - 1] === '\r' ? newline - 1 : newline
}
