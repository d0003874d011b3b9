/** Places in a text. A few million may be found in one file, so they are kept as plain numbers. */

export interface Span {
  readonly from: number
  readonly to: number
}

/** Rows of a few whole numbers each. */
export class Rows {
  readonly #width: number
  #numbers: Int32Array
  #used = 0

  constructor(width: number) {
    this.#width = width
    this.#numbers = new Int32Array(16 * width)
  }

  get length(): number {
    return this.#used / this.#width
  }

  push(...row: readonly number[]): void {
    if (this.#used === this.#numbers.length) {
      const larger = new Int32Array(2 * this.#used)
      larger.set(this.#numbers)
      this.#numbers = larger
    }
    for (let i = 0; i < this.#width; i += 1) this.#numbers[this.#used + i] = row[i] ?? 0
    this.#used += this.#width
  }

  at(row: number, column: number): number {
    return this.#numbers[row * this.#width + column] ?? 0
  }
}

/** In the order in which they are in the text. */
export class Spans {
  readonly #rows = new Rows(2)

  get length(): number {
    return this.#rows.length
  }

  push({ from, to }: Span): void {
    this.#rows.push(from, to)
  }

  from(index: number): number {
    return this.#rows.at(index, 0)
  }

  to(index: number): number {
    return this.#rows.at(index, 1)
  }

  /** No more than `count` of them. */
  first(count: number): Span[] {
    const length = Math.min(count, this.length)
    return Array.from({ length }, (_, i) => ({ from: this.from(i), to: this.to(i) }))
  }
}
