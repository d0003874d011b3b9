/** What a command prints on one stream, until somebody takes it. */
import { Readable } from 'node:stream'

/** More than this that nobody has taken asks for a pause. */
const highWaterMark = 256 * 1024

/**
 * Bytes in the order they came, taken once: by iterating, which costs a command that prints nothing next to
 * nothing, or as a stream of Node's. They end when the command itself has ended.
 */
export class CommandOutput implements AsyncIterable<Buffer> {
  readonly #resume: () => void
  #chunks: Buffer[] = []
  #bytes = 0
  #finished = false
  #dropped = false
  #readable: Readable | undefined
  #next: ((result: IteratorResult<Buffer, undefined>) => void) | undefined
  #tellTaken: () => void = () => {}
  /** Settles when all was taken, or will not be. */
  readonly taken: Promise<void>

  /** `resume` is called when what was asked for a pause may go on. */
  constructor(resume: () => void) {
    this.#resume = resume
    this.taken = new Promise((resolve) => {
      this.#tellTaken = resolve
    })
  }

  get finished(): boolean {
    return this.#finished
  }

  /** What was left in the background prints is dropped. False when the reader does not keep up. */
  accept(bytes: Buffer): boolean {
    if (this.#finished || this.#dropped) return true
    if (this.#readable !== undefined) return this.#readable.push(bytes)
    if (this.#next !== undefined) {
      this.#give({ done: false, value: bytes })
      return true
    }
    this.#chunks.push(bytes)
    this.#bytes += bytes.length
    return this.#bytes < highWaterMark
  }

  /** No more will come. */
  finish(): void {
    if (this.#finished) return
    this.#finished = true
    this.#readable?.push(null)
    if (this.#next !== undefined) this.#end()
  }

  /** Drops what is there and what will come: it must not hold up the other stream, nor what runs the command. */
  drop(): void {
    if (this.#dropped) return
    this.#dropped = true
    this.#chunks = []
    this.#bytes = 0
    this.#readable?.destroy()
    this.#end()
    this.#resume()
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, undefined> {
    return {
      next: () => this.#take(),
      return: () => {
        this.drop()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }

  /** In place of iterating. Who destroys it drops the rest. */
  get readable(): Readable {
    if (this.#readable !== undefined) return this.#readable
    const readable = new Readable({
      highWaterMark,
      read: () => this.#resume(),
      destroy: (error, done) => {
        this.drop()
        done(error)
      },
    })
    readable.once('end', () => this.#tellTaken())
    for (const chunk of this.#chunks) readable.push(chunk)
    if (this.#finished) readable.push(null)
    this.#chunks = []
    this.#bytes = 0
    this.#readable = readable
    if (this.#dropped) readable.destroy()
    return readable
  }

  #take(): Promise<IteratorResult<Buffer, undefined>> {
    const value = this.#chunks.shift()
    if (value !== undefined) {
      this.#bytes -= value.length
      if (this.#chunks.length === 0) this.#resume()
      return Promise.resolve({ done: false, value })
    }
    return new Promise((resolve) => {
      this.#next = resolve
      if (this.#finished || this.#dropped) this.#end()
    })
  }

  #end(): void {
    this.#tellTaken()
    this.#give({ done: true, value: undefined })
  }

  #give(result: IteratorResult<Buffer, undefined>): void {
    const next = this.#next
    this.#next = undefined
    next?.(result)
  }
}
