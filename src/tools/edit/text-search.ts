/**
 * The places of one text in another, as `indexOf` tells them, in time that is linear in both. The engine's own search
 * compares the whole of a long text at nearly each place where both repeat themselves: a file of one letter.
 */

/** The engine finds what is no longer in time that is linear enough, and soon where the texts are ordinary. */
const headLength = 32
/** How often all of the text may be compared where only the head fits, until that is known to lead nowhere. */
const comparisons = 4

export class TextSearch {
  readonly #text: string
  readonly #wanted: string
  readonly #head: string
  /** Characters that may still be compared for nothing. */
  #left: number
  #automaton: Automaton | undefined

  constructor(text: string, wanted: string) {
    this.#text = text
    this.#wanted = wanted
    this.#head = wanted.slice(0, headLength)
    this.#left = comparisons * text.length
  }

  /** The first place at or after `from`, or -1. `from` is always beyond the place found before. */
  next(from: number): number {
    if (this.#wanted.length <= headLength) return this.#text.indexOf(this.#wanted, from)
    for (let at = from; this.#automaton === undefined; at += 1) {
      at = this.#text.indexOf(this.#head, at)
      if (at === -1 || at + this.#wanted.length > this.#text.length) return -1
      this.#left -= this.#wanted.length
      if (this.#left < 0) this.#automaton = new Automaton(this.#text, this.#wanted, at)
      else if (this.#text.startsWith(this.#wanted, at)) return at
    }
    return this.#automaton.next(from)
  }
}

/** Knuth-Morris-Pratt: looks at each character once, also where places overlap. */
class Automaton {
  readonly #text: string
  readonly #wanted: string
  /** Of each beginning of what is wanted, how much of its end is a shorter beginning. */
  readonly #fallback: Int32Array
  #at: number
  #matched = 0

  constructor(text: string, wanted: string, at: number) {
    this.#text = text
    this.#wanted = wanted
    this.#fallback = fallbackOf(wanted)
    this.#at = at
  }

  next(from: number): number {
    const [text, wanted, fallback] = [this.#text, this.#wanted, this.#fallback]
    let [at, matched] = [this.#at, this.#matched]
    if (from > at) [at, matched] = [from, 0]
    let found = -1
    while (found < from && at < text.length) {
      const character = text.charCodeAt(at)
      while (matched > 0 && wanted.charCodeAt(matched) !== character) {
        matched = fallback[matched - 1] ?? 0
      }
      if (wanted.charCodeAt(matched) === character) matched += 1
      at += 1
      if (matched < wanted.length) continue
      found = at - matched
      matched = fallback[matched - 1] ?? 0
    }
    this.#at = at
    this.#matched = matched
    return found < from ? -1 : found
  }
}

function fallbackOf(wanted: string): Int32Array {
  const fallback = new Int32Array(wanted.length)
  for (let i = 1, matched = 0; i < wanted.length; i += 1) {
    const character = wanted.charCodeAt(i)
    while (matched > 0 && wanted.charCodeAt(matched) !== character) {
      matched = fallback[matched - 1] ?? 0
    }
    if (wanted.charCodeAt(matched) === character) matched += 1
    fallback[i] = matched
  }
  return fallback
}
