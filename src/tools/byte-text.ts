/**
 * Bytes as a string and back, without loss: a byte that is not UTF-8 stands in the string as the
 * lone surrogate U+DC80..U+DCFF of its value. So a file with a latin-1 byte in it can be searched and
 * changed as text, and every byte that is not touched comes out as it was.
 */
import { Buffer, isUtf8 } from 'node:buffer'

const escapeBase = 0xdc00

/** The bytes as text. A byte order mark is kept as U+FEFF. */
export function decodeText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isUtf8(buffer)) return buffer.toString('utf8')

  const parts: string[] = []
  let from = 0
  let at = 0
  while (at < buffer.length) {
    const length = sequenceLength(buffer, at)
    if (length > 0) {
      at += length
      continue
    }
    parts.push(
      buffer.toString('utf8', from, at),
      String.fromCharCode(escapeBase + byteAt(buffer, at)),
    )
    at += 1
    from = at
  }
  parts.push(buffer.toString('utf8', from))
  return parts.join('')
}

/** The bytes that `decodeText` made the text of, or what well-formed text put into it encodes to. */
export function encodeText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8')

  const parts: Buffer[] = []
  let from = 0
  for (const match of text.matchAll(/[\udc80-\udcff]+/gu)) {
    parts.push(Buffer.from(text.slice(from, match.index), 'utf8'))
    // latin1 takes the low byte of each code unit, which is the escaped byte.
    parts.push(Buffer.from(match[0], 'latin1'))
    from = match.index + match[0].length
  }
  parts.push(Buffer.from(text.slice(from), 'utf8'))
  return Buffer.concat(parts)
}

/** Whether `wanted` has what a reader was shown in the place of bytes, which only other bytes could name. */
export const isOfShownBytes = (wanted: string, text: string) =>
  wanted.includes('\u{fffd}') && !text.isWellFormed()

/** Length of the well-formed UTF-8 sequence at `at` (RFC 3629, table of section 4), or 0. */
function sequenceLength(bytes: Buffer, at: number): number {
  const lead = byteAt(bytes, at)
  if (lead < 0x80) return 1
  if (lead < 0xc2 || lead > 0xf4) return 0
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  const second = byteAt(bytes, at + 1)
  if (second < lowest || second > highest) return 0
  for (let i = 2; i < length; i += 1) {
    if ((byteAt(bytes, at + i) & 0xc0) !== 0x80) return 0
  }
  return length
}

/** The byte, or 0 beyond the end, which continues no sequence. */
function byteAt(bytes: Buffer, at: number): number {
  return bytes[at] ?? 0
}
