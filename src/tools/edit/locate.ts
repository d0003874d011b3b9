/** Finding where an `oldText` is: as it is first, and only if it is nowhere, tolerantly. */
import type { Steps } from '../../turn.ts'
import { withLineFeeds } from '../text-lines.ts'
import { Spans } from './spans.ts'
import { TextSearch } from './text-search.ts'
import { plainView, tolerantView, type View } from './view.ts'

export interface Located {
  /** In the original text, ascending. With `all` they do not overlap. */
  readonly spans: Spans
  /** True when blanks at line ends, quotes, dashes or spaces differ from what was given. */
  readonly tolerant: boolean
}

const placesPerStep = 1024

/** Finds texts in one file, whose views are made once. */
export class Locator {
  readonly #text: string
  readonly #plain: View
  #tolerant: View | undefined

  constructor(text: string) {
    this.#text = text
    this.#plain = plainView(text)
  }

  /**
   * Every place of `wanted` (with `all`), or enough of them to see that it is not unique: places
   * may then overlap, as "aa" is in "aaa" twice. No more than `most` are looked for.
   */
  *find(wanted: string, all: boolean, most = Infinity): Steps<Located> {
    const exact = yield* placesIn(this.#plain, withLineFeeds(wanted), all, most)
    if (exact.length > 0) return { spans: exact, tolerant: false }

    const folded = tolerantView(wanted).text
    if (folded.trim() === '') return { spans: new Spans(), tolerant: true }
    this.#tolerant ??= tolerantView(this.#text)
    const view = this.#tolerant
    // Blanks that end `wanted` were left out; that is right only where a line ends too.
    const toLineEnd = /[\p{Zs}\t]$/u.test(wanted)
    return { spans: yield* placesIn(view, folded, all, most, toLineEnd), tolerant: true }
  }
}

function* placesIn(
  view: View,
  wanted: string,
  all: boolean,
  most: number,
  toLineEnd = false,
): Steps<Spans> {
  const spans = new Spans()
  const search = new TextSearch(view.text, wanted)
  let looks = 0
  let at = search.next(0)
  while (at !== -1 && spans.length < most) {
    const to = at + wanted.length
    const ends = !toLineEnd || to === view.text.length || view.text[to] === '\n'
    const span = ends ? view.original(at, to) : undefined
    if (span !== undefined) spans.push(span)
    looks += 1
    if (looks % placesPerStep === 0) yield
    // One overlapping place is enough to refuse; stepping by one throughout would be quadratic.
    const step = span !== undefined && (all || spans.length > 1) ? wanted.length : 1
    at = search.next(at + step)
  }
  return spans
}
