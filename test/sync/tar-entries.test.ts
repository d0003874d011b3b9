/** Archives that no tar makes: a sandbox sends what it likes. */
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { tarEntries } from '../../src/sync/tar-entries.ts'

/** A header of that type, with its size as it is in the archive, and a sum that is right. */
function header(type: string, size: string | Buffer): Buffer {
  const bytes = Buffer.alloc(512)
  bytes.write('name')
  bytes.write('0000644\0', 100)
  Buffer.from(size).copy(bytes, 124)
  bytes.write('00000000000\0', 136)
  bytes.write('        ', 148)
  bytes.write(type, 156)
  const sum = bytes.reduce((all, byte) => all + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return bytes
}

const octal = (size: number) => `${size.toString(8).padStart(11, '0')}\0`
const padded = (text: string) => Buffer.concat([Buffer.from(text), Buffer.alloc(512 - text.length)])
const pax = (size: string) => {
  const record = ` size=${size}\n`
  const text = `${record.length + 2}${record}`
  return [header('x', octal(text.length)), padded(text), header('0', octal(1)), padded('a')]
}
const negative = Buffer.alloc(12, 0xff)
const minusOne = [header('0', negative), padded('a')]

/** How many files it has. It is followed by so many mebibytes of zeros. */
async function read(archive: readonly Buffer[], zeros = 300): Promise<number> {
  const chunk = Buffer.alloc(1024 * 1024)
  async function* source() {
    yield* archive
    for (let i = 0; i < zeros; i++) yield chunk
  }
  let files = 0
  let pieces = 0
  for await (const { content } of tarEntries(Readable.from(source()))) {
    files++
    for await (const _ of content) if (++pieces > 1_000) throw new Error('it never ends')
  }
  return files
}

test.each([
  ['a name of gigabytes', [header('L', octal(5 * 1024 ** 3))]],
  ['a name of a negative size', [header('L', negative)]],
  ['pax words of gigabytes', [header('x', octal(5 * 1024 ** 3))]],
  ['a negative size', minusOne],
  ['a size in pax that is no number', pax('many')],
  ['a size in pax that is infinite', pax('1e999')],
  ['a size in pax that is no whole number', pax('0.5')],
  ['a negative size in pax', pax('-1')],
])('%s: the archive is damaged', async (_, archive) => {
  await expect(read(archive)).rejects.toThrow('the archive is damaged')
})

test('a size in pax counts', async () => {
  expect(await read(pax('2'), 0)).toBe(1)
})
