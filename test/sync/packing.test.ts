import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { packed } from '../../src/sync/seed/packing.ts'
import { PackingChoice } from '../../src/sync/seed/packing-choice.ts'

const mebibyte = 1024 * 1024

async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000)
}

/** Where nothing takes any time nothing is found slow. */
const untimed = () => new PackingChoice(() => 0)

const text = Buffer.alloc(4 * mebibyte, 'what compresses well, ')
const noise = randomBytes(6 * mebibyte)
const longNoise = Buffer.concat([noise, randomBytes(20 * mebibyte)])

test.each([
  ['nothing', Buffer.alloc(0), 100],
  ['text', text, text.length / 20],
  ['what does not pack', noise, noise.length * 1.01],
  ['text after a little that does not pack', Buffer.concat([noise, text]), noise.length * 1.8],
  [
    'text after much',
    Buffer.concat([longNoise, ...Array(8).fill(text)]),
    longNoise.length + 18 * mebibyte,
  ],
  ['both in turns', Buffer.concat([text, noise, text, noise]), 18 * mebibyte],
])('%s comes out as it went in', async (_, bytes, most) => {
  const sent = await buffer(packed(chunksOf(bytes), untimed()))
  expect(gunzipSync(sent).equals(bytes)).toBe(true)
  expect(sent.length).toBeLessThan(most)
})

test('what cannot be read breaks it', async () => {
  async function* breaking(): AsyncGenerator<Buffer> {
    yield text
    throw new Error('the disk is gone')
  }
  await expect(buffer(packed(breaking()))).rejects.toThrow('the disk is gone')
})

test('without a reader the source is not read to its end, and ends with the stream', async () => {
  let read = 0
  const ended = resolvers()
  async function* endless(): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        read += noise.length
        yield noise
      }
    } finally {
      ended.resolve()
    }
  }
  const stream = Readable.from(packed(endless()), { objectMode: false })
  await new Promise((resolve) => stream.once('readable', resolve))
  stream.destroy()
  await ended.promise
  expect(read).toBeLessThan(10 * noise.length)
})

function resolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
