/** The output of a runner: what its commands print, and its marks, however the bytes are cut in chunks. */
import type { Readable } from 'node:stream'
import { markByte } from './runner-script.ts'

/** The longest text between a mark's token and its end: a word and a number. */
const longestText = 32

export interface MarkedStreamEvents {
  /** False asks for a pause, until `resume`. */
  data(bytes: Buffer): boolean
  mark(text: string): void
  /** Once, when nothing more will come. */
  end(): void
}

/**
 * Reads `source` to its end and tells what it holds, in order. While it is paused nothing is told and
 * little is read.
 */
export class MarkedStream {
  readonly #source: Readable
  readonly #events: MarkedStreamEvents
  readonly #byte: number
  readonly #opening: Buffer
  #held: Buffer = Buffer.alloc(0)
  #paused = false
  #ended = false
  #told = false

  /** \`byte\` opens and closes a mark: another one in a stream that is in a stream. */
  constructor(source: Readable, token: string, events: MarkedStreamEvents, byte = markByte) {
    this.#source = source
    this.#events = events
    this.#byte = byte
    this.#opening = Buffer.from(`${String.fromCharCode(byte)}${token}:`)
    source.on('data', (chunk: Buffer) => {
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
      this.#tell()
    })
    const ended = () => {
      this.#ended = true
      this.#tell()
    }
    source.once('error', ended)
    source.once('end', ended)
    source.once('close', ended)
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#tell()
    if (!this.#paused) this.#source.resume()
  }

  #tell(): void {
    while (this.#held.length > 0 && !this.#paused) {
      const start = this.#findOpening()
      if (start > 0) {
        this.#pass(start)
        continue
      }
      const whole = this.#held.length > this.#opening.length
      const end = whole ? this.#held.indexOf(this.#byte, this.#opening.length) : -1
      if (end !== -1 && end <= this.#opening.length + longestText) {
        const text = this.#held.toString('latin1', this.#opening.length, end)
        this.#held = this.#held.subarray(end + 1)
        this.#events.mark(text)
      } else if (this.#ended || this.#held.length > this.#opening.length + longestText) {
        // No mark of ours: the command prints something that looks like the beginning of one.
        this.#pass(1)
      } else break
    }
    if (!this.#ended || this.#told || this.#held.length > 0 || this.#paused) return
    this.#told = true
    this.#events.end()
  }

  #pass(length: number): void {
    const bytes = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    if (this.#events.data(bytes)) return
    this.#paused = true
    this.#source.pause()
  }

  /** Where an opening starts, or could start at the very end; the length when nowhere. */
  #findOpening(): number {
    const bytes = this.#held
    for (let at = bytes.indexOf(this.#byte); at !== -1; at = bytes.indexOf(this.#byte, at + 1)) {
      const length = Math.min(this.#opening.length, bytes.length - at)
      if (bytes.compare(this.#opening, 0, length, at, at + length) === 0) return at
    }
    return bytes.length
  }
}
