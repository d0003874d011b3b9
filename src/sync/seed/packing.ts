/**
 * A stream of bytes packed as gzip does, for sandboxes that are far: as little as can be made of it in passing.
 * It is a row of archives, which all of gzip's readers take for one: each is packed or sent as it is.
 */
import { constants, createGzip, type Gzip } from 'node:zlib'
import { PackingChoice } from './packing-choice.ts'

/** Ends with `source`; an error of it is the packed one's. Whoever leaves it early ends `source` too. */
export async function* packed(
  source: AsyncIterable<Buffer>,
  choice = new PackingChoice(),
): AsyncGenerator<Buffer> {
  const pieces = new ReadAhead(source)
  try {
    for (let isOver = false; !isOver; ) {
      const level = choice.packs ? constants.Z_BEST_SPEED : constants.Z_NO_COMPRESSION
      const gzip = createGzip({ level, chunkSize: 64 * 1024 })
      const fed = feed(gzip, pieces, choice)
      // What breaks it breaks the reading too.
      fed.catch((error: Error) => gzip.destroy(error))
      for await (const chunk of gzip as AsyncIterable<Buffer>) {
        const yieldedMs = performance.now()
        yield chunk
        choice.took(chunk.length, performance.now() - yieldedMs)
      }
      isOver = await fed
    }
  } finally {
    await pieces.end()
  }
}

/** Fills one archive. True when the source is at its end. */
async function feed(gzip: Gzip, pieces: ReadAhead, choice: PackingChoice): Promise<boolean> {
  let wake = () => {}
  gzip.on('drain', () => wake()).once('close', () => wake())
  while (!gzip.destroyed) {
    const { done, value } = await pieces.next()
    if (done === true) {
      gzip.end()
      return true
    }
    const hasRoom = gzip.write(value)
    // The packer has a thread of its own.
    pieces.begin()
    const readMs = performance.now()
    if (!hasRoom && gzip.writableNeedDrain && !gzip.destroyed) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    choice.gave(value.length, performance.now() - readMs)
    if (choice.hasTurned()) break
  }
  gzip.end()
  return false
}

/** Pieces of a source, the next of which may be read before it is asked for. */
class ReadAhead {
  readonly #source: AsyncIterator<Buffer>
  #ahead: Promise<IteratorResult<Buffer>> | undefined

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  begin(): void {
    this.#ahead ??= this.#source.next()
    // Whoever asks for it is told.
    this.#ahead.catch(() => {})
  }

  next(): Promise<IteratorResult<Buffer>> {
    const next = this.#ahead ?? this.#source.next()
    this.#ahead = undefined
    return next
  }

  async end(): Promise<void> {
    await this.#source.return?.()
  }
}
