/** A stream of bytes packed as gzip does, for sandboxes that are far: as little as can be made of it in passing. */
import { Readable } from 'node:stream'
import { constants, createGzip, type Gzip, type ZlibParams } from 'node:zlib'

/** Packing that gains less than this is not worth what it costs. */
const worthwhile = 0.9
/** After so much it is judged; what does not pack is sent as it is for a while. */
const judgedBytes = 1024 * 1024
const asItIsBytes = 16 * 1024 * 1024

/** Ends with `source`; an error of it is the packed stream's. Destroying it ends `source` too. */
export function packed(source: AsyncIterable<Buffer>): Readable {
  const options = { level: constants.Z_BEST_SPEED, chunkSize: 64 * 1024 }
  const gzip = createGzip(options) as Gzip & ZlibParams
  let out = 0
  let wake = () => {}
  const room = () =>
    new Promise<void>((resolve) => {
      wake = resolve
      if (gzip.destroyed || !gzip.writableNeedDrain) resolve()
    })
  gzip.on('drain', () => wake()).once('close', () => wake())
  const setLevel = (level: number) =>
    new Promise<void>((resolve) =>
      gzip.params(level, constants.Z_DEFAULT_STRATEGY, () => resolve()),
    )
  const feed = async () => {
    let isPacking = true
    let since = { in: 0, out: 0 }
    for await (const chunk of source) {
      if (gzip.destroyed) return
      if (!gzip.write(chunk)) await room()
      since.in += chunk.length
      if (since.in < (isPacking ? judgedBytes : asItIsBytes)) continue
      const isWorthwhile: boolean = !isPacking || out - since.out < since.in * worthwhile
      if (isWorthwhile !== isPacking && !gzip.destroyed) {
        isPacking = isWorthwhile
        await setLevel(isPacking ? constants.Z_BEST_SPEED : constants.Z_NO_COMPRESSION)
      }
      since = { in: 0, out }
    }
    gzip.end()
  }
  feed().catch((error: Error) => gzip.destroy(error))
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of gzip) {
      out += (chunk as Buffer).length
      yield chunk as Buffer
    }
  }
  return Readable.from(counted(), { objectMode: false })
}
