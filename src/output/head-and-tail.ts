/**
 * The first and the last bytes of a sequence, in one buffer that does not grow with it: what comes
 * after the head goes round in the rest.
 */
export class HeadAndTail {
  readonly #head: number
  readonly #tail: number
  #bytes = Buffer.alloc(0)
  #length = 0

  constructor(headBytes: number, tailBytes: number) {
    this.#head = headBytes
    this.#tail = tailBytes
  }

  /** How many bytes were added. */
  get length(): number {
    return this.#length
  }

  /** The first `headEnd` bytes are kept, and all from `tailStart` on. */
  get headEnd(): number {
    return Math.min(this.#head, this.#length)
  }

  get tailStart(): number {
    return Math.max(this.headEnd, this.#length - this.#tail)
  }

  /** Copies what it keeps, so a large chunk is not held for a few of its bytes. */
  add(chunk: Buffer): void {
    const end = this.#length + chunk.length
    this.#grow(Math.min(end, this.#head + this.#tail))
    let at = 0
    if (this.#length < this.#head)
      at = chunk.copy(this.#bytes, this.#length, 0, this.#head - this.#length)
    // What the end of this chunk would overwrite at once is passed over.
    at = Math.max(at, chunk.length - this.#tail)
    while (at < chunk.length) {
      const index = this.#indexOf(this.#length + at)
      const taken = Math.min(chunk.length - at, this.#head + this.#tail - index)
      chunk.copy(this.#bytes, index, at, at + taken)
      at += taken
    }
    this.#length = end
  }

  /** A copy of the bytes in [from, to), all of which must be kept. */
  slice(from: number, to: number): Buffer {
    const parts: Buffer[] = []
    for (let at = from; at < to; ) {
      const index = this.#indexOf(at)
      const segmentEnd = index < this.#head ? this.#head : this.#head + this.#tail
      const part = this.#bytes.subarray(index, Math.min(segmentEnd, index + to - at))
      parts.push(part)
      at += part.length
    }
    return Buffer.concat(parts)
  }

  #indexOf(position: number): number {
    if (position < this.#head) return position
    return this.#head + ((position - this.#head) % this.#tail)
  }

  #grow(needed: number): void {
    if (needed <= this.#bytes.length) return
    const capacity = Math.min(
      this.#head + this.#tail,
      Math.max(needed, this.#bytes.length * 2, 512),
    )
    const grown = Buffer.alloc(capacity)
    this.#bytes.copy(grown)
    this.#bytes = grown
  }
}
