/** What edits write in which places of one text. */
import { Rows } from './spans.ts'

/** So many parts of a text are joined at once. */
const joinedParts = 4096

/** In the order of their places. */
export class Replacements {
  readonly #rows = new Rows(4)
  /** What is written: as a rule the same in all places of an edit. */
  readonly #texts: string[] = []

  get length(): number {
    return this.#rows.length
  }

  /** Not before the last one: `edit` writes `text` in place of what is from `from` to `to`. */
  push(from: number, to: number, edit: number, text: string): void {
    if (this.#texts.at(-1) !== text) this.#texts.push(text)
    this.#rows.push(from, to, edit, this.#texts.length - 1)
  }

  from(index: number): number {
    return this.#rows.at(index, 0)
  }

  to(index: number): number {
    return this.#rows.at(index, 1)
  }

  /** Index of the edit that asks for it. */
  edit(index: number): number {
    return this.#rows.at(index, 2)
  }

  text(index: number): string {
    return this.#texts[this.#rows.at(index, 3)] ?? ''
  }

  /** `text[from, to)` as it becomes by those from `first` to before `end`, which are in it and do not overlap. */
  made(text: string, from: number, to: number, first = 0, end = this.length): string {
    const joined: string[] = []
    let parts: string[] = []
    let at = from
    for (let i = first; i < end; i += 1) {
      parts.push(text.slice(at, this.from(i)), this.text(i))
      at = this.to(i)
      if (parts.length < joinedParts) continue
      joined.push(parts.join(''))
      parts = []
    }
    joined.push(...parts, text.slice(at, to))
    return joined.join('')
  }
}

/** All of them, in order. */
export function merged(lists: readonly Replacements[]): Replacements {
  if (lists.length <= 1) return lists[0] ?? new Replacements()
  const middle = lists.length >>> 1
  const [a, b] = [merged(lists.slice(0, middle)), merged(lists.slice(middle))]
  const all = new Replacements()
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const isFirst =
      j === b.length || (i < a.length && (a.from(i) - b.from(j) || a.to(i) - b.to(j)) <= 0)
    const [list, at] = isFirst ? [a, i++] : [b, j++]
    all.push(list.from(at), list.to(at), list.edit(at), list.text(at))
  }
  return all
}
