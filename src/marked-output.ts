/** Output of a launched script, without the launcher's marks, however the bytes are cut in chunks. */
import { Transform, type TransformCallback } from 'node:stream'
import { markByte } from './launcher.ts'

/** The longest text between a mark's token and its end: a pid, an exit code or a word. */
const longestText = 24

/**
 * Passes bytes through unchanged. With `onHeader`, the first mark is told to it; the next mark is the
 * exit mark, which ends the stream. What comes later, from processes that the command left in the
 * background, is read and dropped.
 */
export class MarkedOutput extends Transform {
  /** The exit code in the exit mark once all output was consumed; undefined when none came. */
  readonly exitMark: Promise<number | undefined>
  readonly #opening: Buffer
  #onHeader: ((text: string) => void) | undefined
  #held: Buffer = Buffer.alloc(0)
  #code: number | undefined

  constructor(token: string, onHeader?: (text: string) => void) {
    super({ highWaterMark: 256 * 1024 })
    this.#opening = Buffer.from(`${String.fromCharCode(markByte)}${token}:`)
    this.#onHeader = onHeader
    this.exitMark = new Promise((resolve) => {
      this.once('close', () => resolve(this.#code))
      this.once('end', () => resolve(this.#code))
    })
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = Buffer.alloc(0)
    while (bytes.length > 0 && this.#code === undefined) {
      const start = this.#findOpening(bytes)
      if (start > 0) this.push(bytes.subarray(0, start))
      bytes = bytes.subarray(start)
      if (bytes.length === 0) break
      const whole = bytes.length > this.#opening.length
      const end = whole ? bytes.indexOf(markByte, this.#opening.length) : -1
      if (end !== -1) {
        this.#mark(bytes.toString('latin1', this.#opening.length, end))
        bytes = bytes.subarray(end + 1)
      } else if (bytes.length <= this.#opening.length + longestText) {
        this.#held = bytes
        break
      } else {
        // Too long for a mark of ours: the command prints something that looks like one.
        this.push(bytes.subarray(0, 1))
        bytes = bytes.subarray(1)
      }
    }
    done()
  }

  override _flush(done: TransformCallback): void {
    if (this.#held.length > 0 && this.#code === undefined) this.push(this.#held)
    done()
  }

  #mark(text: string): void {
    if (this.#onHeader !== undefined) {
      this.#onHeader(text)
      this.#onHeader = undefined
    } else {
      this.#code = Number(text)
      this.push(null)
    }
  }

  /** Where an opening starts, or could start at the very end; the length when nowhere. */
  #findOpening(bytes: Buffer): number {
    for (let at = bytes.indexOf(markByte); at !== -1; at = bytes.indexOf(markByte, at + 1)) {
      const length = Math.min(this.#opening.length, bytes.length - at)
      if (bytes.compare(this.#opening, 0, length, at, at + length) === 0) return at
    }
    return bytes.length
  }
}
