/** Which newline each line of a replacement gets: the one the file has there. */
import { splitLines, withLineFeeds } from '../text-lines.ts'
import type { Span } from './spans.ts'

export class LineEndings {
  readonly #text: string
  /** The newline that ends `#line`; kept because one long line can hold very many spans. */
  #newline = -1
  #line: Span = { from: 0, to: -1 }
  /** What was given last, and its lines: as a rule it is given again. */
  #newText = ''
  #newLines: readonly string[] = ['']

  constructor(text: string) {
    this.#text = text
  }

  /** `newText` with the endings of what it replaces, or else of the lines around it. */
  give(span: Span, newText: string): string {
    if (newText !== this.#newText) {
      this.#newText = newText
      this.#newLines = withLineFeeds(newText).split('\n')
    }
    const newLines = this.#newLines
    if (newLines.length === 1) return newText

    const replaced = this.#text.slice(span.from, span.to)
    const endings = splitLines(replaced)
      .map((line) => line.ending)
      .filter((ending) => ending !== '')
    const [only] = endings
    if (only === undefined) return newLines.join(this.#around(span))
    if (endings.every((ending) => ending === only)) return newLines.join(only)

    // Mixed: lines that stay keep theirs, the changed ones between take theirs in order.
    const oldLines = withLineFeeds(replaced).split('\n')
    const shorter = Math.min(oldLines.length, newLines.length)
    let tail = 0
    while (tail < shorter && oldLines.at(-1 - tail) === newLines.at(-1 - tail)) tail += 1
    return newLines
      .map((line, i) => {
        const fromEnd = newLines.length - i
        if (fromEnd === 1) return line
        const old = fromEnd <= tail ? oldLines.length - fromEnd : i
        return line + (endings[Math.min(old, endings.length - 1)] ?? only)
      })
      .join('')
  }

  /** The ending of the line the span is in, else of the one before it. */
  #around(span: Span): '\n' | '\r\n' {
    if (span.from < this.#line.from || span.to > this.#line.to) {
      const after = this.#text.indexOf('\n', span.to)
      this.#newline = after === -1 ? this.#text.lastIndexOf('\n') : after
      this.#line = { from: span.from, to: after === -1 ? this.#text.length : after }
    }
    const at = this.#newline
    return at > 0 && this.#text[at - 1] === '\r' ? '\r\n' : '\n'
  }
}
