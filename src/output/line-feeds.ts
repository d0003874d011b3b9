/** Counts line feeds as fast as output comes. */

const lineFeed = 0x0a

/** Where lines are shorter than that on the average, searching for each costs more than looking at all bytes. */
const shortLine = 48
/** From so many on an average means something. */
const enoughLines = 64

/** How many line feeds bytes hold. */
export function countLineFeeds(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(lineFeed); at !== -1; at = bytes.indexOf(lineFeed, at + 1)) {
    count += 1
    if (count >= enoughLines && at < count * shortLine) return count + countAll(bytes, at + 1)
  }
  return count
}

/** Sixteen bytes at a time, from `start` on. */
function countAll(bytes: Buffer, start: number): number {
  const aligned = start + ((4 - ((bytes.byteOffset + start) % 4)) % 4)
  if (bytes.length < aligned + 4) return countSingly(bytes, start, bytes.length)
  const words = new Int32Array(
    bytes.buffer,
    bytes.byteOffset + aligned,
    (bytes.length - aligned) >> 2,
  )
  let count = countSingly(bytes, start, aligned)
  let at = 0
  for (; at + 4 <= words.length; at += 4) {
    const found =
      lineFeedsOf(words[at] as number) +
      lineFeedsOf(words[at + 1] as number) +
      lineFeedsOf(words[at + 2] as number) +
      lineFeedsOf(words[at + 3] as number)
    // The sum of the four bytes comes to be the highest one.
    count += Math.imul(found, 0x01010101) >>> 24
  }
  return count + countSingly(bytes, aligned + at * 4, bytes.length)
}

/** A word whose bytes are 1 where `word` has a line feed, and else 0. */
function lineFeedsOf(word: number): number {
  // A byte of `other` is zero where the word has a line feed; such bytes keep their high bit clear.
  const other = word ^ 0x0a0a0a0a
  const high = ((other & 0x7f7f7f7f) + 0x7f7f7f7f) | other | 0x7f7f7f7f
  return (~high >>> 7) & 0x01010101
}

function countSingly(bytes: Buffer, from: number, to: number): number {
  let count = 0
  for (let at = from; at < to; at += 1) if (bytes[at] === lineFeed) count += 1
  return count
}
