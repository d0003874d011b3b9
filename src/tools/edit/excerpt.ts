/** The first few changed lines, so that a model sees what its edit did without reading again. */
import { countNewlines, cutLine, withLineFeeds } from '../text-lines.ts'
import type { Replacements } from './replacements.ts'

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
export function excerptOf(text: string, replacements: Replacements): Excerpt {
  const hunks: string[] = []
  let firstChangedLine = 0
  let line = 1
  let counted = 0
  let growth = 0
  let next = 0
  while (next < replacements.length && hunks.length < hunkLimit) {
    const first = next
    next = groupEnd(text, replacements, first)
    const from = lineStart(text, replacements.from(first))
    const to = lineEnd(text, replacements.to(next - 1))
    line += countNewlines(text, counted, from)
    counted = from
    const oldLines = linesIn(text.slice(from, to))
    const newLines = linesIn(replacements.made(text, from, to, first, next))
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

/** The first one after `first` that does not share a line with the one before. */
function groupEnd(text: string, all: Replacements, first: number): number {
  let end = -1
  let next = first
  for (; next < all.length; next += 1) {
    if (next > first && all.from(next) > end) break
    if (all.to(next) > end) end = lineEnd(text, all.to(next))
  }
  return next
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
