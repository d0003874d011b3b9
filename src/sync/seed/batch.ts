import { readSync } from 'node:fs'

/** Room for many small files, and for any header. */
const batchBytes = 256 * 1024

/** Many small files in one write. They are read to where they are sent from. */
export class Batch {
  #bytes = Buffer.allocUnsafeSlow(batchBytes)
  #size = 0

  get isFull(): boolean {
    return this.#size === batchBytes
  }

  /** Yields what there is when there is no room for `piece`. */
  *add(piece: Buffer): Generator<Buffer> {
    if (this.#size + piece.length > batchBytes) yield this.take()
    this.#size += piece.copy(this.#bytes, this.#size)
  }

  /** What can be read of no more than `most` bytes; only while there is room. */
  read(descriptor: number, most: number): Buffer {
    const start = this.#size
    this.#size += readSync(descriptor, this.#bytes, start, Math.min(most, batchBytes - start), null)
    return this.#bytes.subarray(start, this.#size)
  }

  /** Ready to be sent. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#size)
    this.#bytes = Buffer.allocUnsafeSlow(batchBytes)
    this.#size = 0
    return taken
  }
}
