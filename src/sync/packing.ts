/**
 * A stream of bytes packed as gzip does, for sandboxes that are far: as little as can be made of it in passing.
 * It is a row of archives, which all of gzip's readers take for one: each is packed or sent as it is.
 */
import { Readable } from 'node:stream'
import { constants, createGzip, type Gzip } from 'node:zlib'

/** Packing that gains less than this is not worth what it costs. */
const worthwhile = 0.9
/** After so much it is judged; what does not pack is sent as it is for a while. */
const judgedBytes = 1024 * 1024
const asItIsBytes = 16 * 1024 * 1024

/** Ends with `source`; an error of it is the packed stream's. Destroying it ends `source` too. */
export function packed(source: AsyncIterable<Buffer>): Readable {
  return Readable.from(archives(source), { objectMode: false })
}

async function* archives(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]()
  try {
    for (let isPacking = true, isOver = false; !isOver; isPacking = !isPacking) {
      const level = isPacking ? constants.Z_BEST_SPEED : constants.Z_NO_COMPRESSION
      const gzip = createGzip({ level, chunkSize: 64 * 1024 })
      const sent = { in: 0, out: 0 }
      const fed = feed(gzip, chunks, sent, isPacking)
      // What breaks it breaks the reading too.
      fed.catch((error: Error) => gzip.destroy(error))
      for await (const chunk of gzip) {
        sent.out += (chunk as Buffer).length
        yield chunk as Buffer
      }
      isOver = await fed
    }
  } finally {
    await chunks.return?.()
  }
}

/** Fills one archive. True when the source is at its end. */
async function feed(
  gzip: Gzip,
  chunks: AsyncIterator<Buffer>,
  sent: { in: number; readonly out: number },
  isPacking: boolean,
): Promise<boolean> {
  let judged = { in: 0, out: 0 }
  let wake = () => {}
  gzip.on('drain', () => wake()).once('close', () => wake())
  while (!gzip.destroyed) {
    const { done, value } = await chunks.next()
    if (done === true) {
      gzip.end()
      return true
    }
    sent.in += value.length
    const hasRoom = gzip.write(value)
    if (!hasRoom && !gzip.destroyed) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    if (sent.in - judged.in < (isPacking ? judgedBytes : asItIsBytes)) continue
    const isWorthwhile = sent.out - judged.out < (sent.in - judged.in) * worthwhile
    if (isPacking && isWorthwhile) judged = { ...sent }
    else break
  }
  gzip.end()
  return false
}
