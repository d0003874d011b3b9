/**
 * A file's text as it is searched, and the way back to exact places of the original: the text is
 * folded only for the search, so nothing outside a match is ever written differently.
 */
import { foldedCharacters, foldPunctuation } from '../punctuation.ts'
import type { Span } from './spans.ts'

/** Where the view differs in length from the original. Between pieces both run in step. */
interface Piece {
  readonly from: number
  readonly to: number
  readonly originalTo: number
}

export class View {
  readonly text: string
  readonly #pieces: readonly Piece[]

  constructor(text: string, pieces: readonly Piece[]) {
    this.text = text
    this.#pieces = pieces
  }

  /**
   * The exact part of the original that `[from, to)` of the view stands for; nothing when an end
   * falls inside what one character of the original became.
   */
  original(from: number, to: number): Span | undefined {
    if (this.#pieces.length === 0) return { from, to }
    const start = this.#position(from, true)
    const end = this.#position(to, false)
    return start === undefined || end === undefined ? undefined : { from: start, to: end }
  }

  /** `afterDropped` puts a position behind what the view left out there, not before it. */
  #position(at: number, afterDropped: boolean): number | undefined {
    let low = 0
    let high = this.#pieces.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const piece = this.#pieces[middle]
      if (piece === undefined) break
      const before = piece.from < at || (afterDropped && piece.from === at && piece.to === at)
      if (before) low = middle + 1
      else high = middle
    }
    const last = this.#pieces[low - 1]
    if (last === undefined) return at
    return last.to > at ? undefined : last.originalTo + (at - last.to)
  }
}

/** CRLF as LF, all else as it is. */
export function plainView(text: string): View {
  return text.includes('\r\n') ? viewOf(text, /\r\n/g, () => '\n') : new View(text, [])
}

const blanks = `[\\p{Zs}\\t]+`
/** As many as Unicode's stream-safe text has: to compose a run takes time with the square of its length. */
const marks = `\\p{M}{1,30}`
const tolerated = new RegExp(`\r\n|${blanks}|[${foldedCharacters}]|\\P{M}${marks}`, 'gu')

/**
 * As `plainView`, without blanks at line ends, with typographic quotes, dashes, spaces and ellipses
 * as ASCII, and with combining marks composed (NFC).
 */
export function tolerantView(text: string): View {
  return viewOf(text, tolerated, (match, at) => {
    if (match === '\r\n') return '\n'
    if (/^[\p{Zs}\t]/u.test(match)) {
      return isLineEnd(text, at + match.length) ? '' : foldPunctuation(match)
    }
    return foldPunctuation(match.normalize('NFC'))
  })
}

function isLineEnd(text: string, at: number): boolean {
  return at === text.length || text[at] === '\n' || text.startsWith('\r\n', at)
}

function viewOf(text: string, pattern: RegExp, fold: (match: string, at: number) => string): View {
  const parts: string[] = []
  const pieces: Piece[] = []
  let length = 0
  let from = 0
  for (const { 0: match, index } of text.matchAll(pattern)) {
    const folded = fold(match, index)
    if (folded === match) continue
    parts.push(text.slice(from, index), folded)
    const at = length + (index - from)
    from = index + match.length
    length = at + folded.length
    // A run of blanks folds one by one, so equal length means that both stay in step.
    if (folded.length !== match.length) pieces.push({ from: at, to: length, originalTo: from })
  }
  parts.push(text.slice(from))
  return new View(parts.join(''), pieces)
}
