/** The lines of one file as chunks are looked for in them, at four levels of tolerance. */
import { foldPunctuation } from '../punctuation.ts'

/** From strict to tolerant; the first level at which a text is found decides. */
const levels: readonly ((line: string) => string)[] = [
  (line) => line,
  (line) => line.trimEnd(),
  (line) => line.trim(),
  (line) => foldPunctuation(line.trim()),
]

/** A range of lines, from 0, the end not included. */
export interface Range {
  readonly from: number
  readonly to: number
}

export class FileLines {
  readonly lines: readonly string[]
  readonly #folded: (readonly string[] | undefined)[] = []

  constructor(lines: readonly string[]) {
    this.lines = lines
  }

  /**
   * Where `wanted` (at least one line) is, wholly inside `range`, at the first level that finds it at
   * all. Ascending; may overlap.
   */
  places(wanted: readonly string[], range: Range): number[] {
    for (const [level, fold] of levels.entries()) {
      const found = search(wanted.map(fold), this.#at(level, fold), range)
      if (found.length > 0) return found
    }
    return []
  }

  /** The lines below `line` that are indented deeper than it: what a heading like `def f():` holds. */
  scope(line: number): Range {
    const indent = indentOf(this.lines[line] ?? '')
    let to = line + 1
    while (to < this.lines.length) {
      const text = this.lines[to] ?? ''
      if (text.trim() !== '' && indentOf(text) <= indent) break
      to += 1
    }
    return { from: line + 1, to }
  }

  #at(level: number, fold: (line: string) => string): readonly string[] {
    const known = this.#folded[level] ?? this.lines.map(fold)
    this.#folded[level] = known
    return known
  }
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}

/** Knuth-Morris-Pratt over lines: linear also in files of many equal lines. */
function search(wanted: readonly string[], lines: readonly string[], range: Range): number[] {
  const fallback = [0]
  for (let i = 1, matched = 0; i < wanted.length; i += 1) {
    while (matched > 0 && wanted[i] !== wanted[matched]) matched = fallback[matched - 1] ?? 0
    if (wanted[i] === wanted[matched]) matched += 1
    fallback.push(matched)
  }
  const found: number[] = []
  const to = Math.min(range.to, lines.length)
  for (let i = range.from, matched = 0; i < to; i += 1) {
    while (matched > 0 && lines[i] !== wanted[matched]) matched = fallback[matched - 1] ?? 0
    if (lines[i] === wanted[matched]) matched += 1
    if (matched === wanted.length) {
      found.push(i + 1 - matched)
      matched = fallback[matched - 1] ?? 0
    }
  }
  return found
}
