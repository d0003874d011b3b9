/** Pages of what a command printed, by lines or from a byte on. */

import { argumentInvalid } from '../../errors.ts'
import type { CapturedOutput } from '../../output/captured-output.ts'
import { countLineFeeds } from '../../output/line-feeds.ts'
import { cutEnd, cutStart } from '../exec/output-view.ts'
import { changesOf, terminalText } from '../exec/terminal-text.ts'

export interface LogPage {
  readonly text: string
  /** Where the page ends, in bytes of the output: the next one begins there. */
  readonly cursor: number
  readonly notes: readonly string[]
}

/** How much of a log is looked through at a time. */
const chunkBytes = 1024 * 1024

/** The last `count` lines, as far as they fit into one result. */
export async function lastPage(output: CapturedOutput, count: number): Promise<LogPage> {
  await output.written
  const { bytes: end, lineFeeds } = output.end
  const from = Math.max(0, end - pageBytes(output), output.gap?.to ?? 0)
  const bytes = await output.read(from, end)
  let start = from === 0 ? 0 : cutStart(bytes)
  let lines = countLineFeeds(bytes.subarray(start)) + (endsInside(bytes) ? 1 : 0)
  for (; lines > count; lines -= 1) start = bytes.indexOf(0x0a, start) + 1
  const total = lineFeeds + (endsInside(bytes) ? 1 : 0)
  const text = terminalText(bytes.subarray(start))
  const first = total - lines + 1
  const notes = total === 0 ? [] : [`lines ${first} to ${total} of ${total}`]
  if (await isInsideLine(output, from, bytes.subarray(0, start))) {
    const { gap } = output
    const how =
      gap === undefined
        ? `from its beginning: action "log" with offset ${first}`
        : `bytes ${gap.from} to ${gap.to} are lost: ${gap.why}`
    notes.push(`line ${first} is shown from byte ${from + start} on; ${how}`)
  }
  if (first > 1) notes.push(`earlier ones: action "log" with offset ${Math.max(1, first - count)}`)
  return page(text, end, notes)
}

/** `count` lines from line `first` on, as far as they fit into one result. */
export async function linesPage(
  output: CapturedOutput,
  first: number,
  count: number,
): Promise<LogPage> {
  await output.written
  const from = await startOfLine(output, first)
  const bytes = await readPage(output, from)
  let end = 0
  let lines = 0
  while (lines < count && end < bytes.length) {
    const feed = bytes.indexOf(0x0a, end)
    if (feed === -1 && from + bytes.length < output.end.bytes && lines > 0) break
    end = feed === -1 ? bytes.length : feed + 1
    lines += 1
  }
  const next = from + end
  const notes = [
    lines > 0
      ? `lines ${first} to ${first + lines - 1}`
      : `there is no line ${first}: ${first - 1} so far`,
  ]
  const isInside = end > 0 && bytes[end - 1] !== 0x0a
  if (next < output.end.bytes) {
    notes.push(
      isInside
        ? `line ${first} goes on: action "log" with cursor ${next}`
        : `more: action "log" with offset ${first + lines}`,
    )
  }
  return page(terminalText(bytes.subarray(0, end)), next, notes)
}

/** What follows the first `cursor` bytes, as far as it fits into one result. */
export async function bytesPage(output: CapturedOutput, cursor: number): Promise<LogPage> {
  checkCursor(output, cursor)
  await output.written
  const { bytes: total } = output.end
  const { gap } = output
  const isLost = gap !== undefined && cursor >= gap.from && cursor < gap.to
  const from = isLost ? gap.to : cursor
  const read = await readPage(output, from)
  // A character of which the rest is lost is shown in part: what waits for it would never get past it.
  const end = from + read.length < total ? cutEnd(read) || read.length : read.length
  const bytes = read.subarray(0, end)
  const next = from + bytes.length
  const notes = [`bytes ${from} to ${next} of ${total}`]
  if (isLost) notes.push(`bytes ${cursor} to ${from} are lost: ${gap.why}`)
  if (next < total) notes.push(`more: action "log" with cursor ${next}`)
  return page(terminalText(bytes), next, notes)
}

/** `ARGUMENT_INVALID` for a cursor beyond the end. */
export function checkCursor({ end }: CapturedOutput, cursor: number): void {
  if (cursor <= end.bytes) return
  throw argumentInvalid(
    `cursor ${cursor} is beyond the end: the command has printed ${end.bytes} bytes`,
    `Use a cursor up to ${end.bytes}.`,
  )
}

const pageBytes = ({ limits }: CapturedOutput) => limits.headBytes + limits.tailBytes

/** The most that fits into one result from `from` on, up to what is lost. */
async function readPage(output: CapturedOutput, from: number): Promise<Buffer> {
  const { gap } = output
  const end = gap !== undefined && from < gap.to ? gap.from : output.end.bytes
  return output.read(from, Math.max(from, Math.min(end, from + pageBytes(output))))
}

async function startOfLine(output: CapturedOutput, line: number): Promise<number> {
  const { bytes: total, lineFeeds } = output.end
  const lines = lineFeeds + (endsInside(output.last(1)) ? 1 : 0)
  // The line that comes next may be asked for.
  if (line - 1 > lineFeeds) {
    throw argumentInvalid(
      `offset ${line} is beyond the end: the command has printed ${lines} lines`,
      `Use an offset up to ${Math.max(1, lines)}, or none for the last lines.`,
    )
  }
  let left = line - 1
  for (let at = 0; left > 0; at += chunkBytes) {
    const end = Math.min(at + chunkBytes, output.gap?.from ?? total, total)
    if (end <= at) throw lineLost(output, line)
    const bytes = await output.read(at, end)
    const feeds = countLineFeeds(bytes)
    if (feeds < left) {
      left -= feeds
      continue
    }
    let start = 0
    for (; left > 0; left -= 1) start = bytes.indexOf(0x0a, start) + 1
    if (at + start === output.gap?.from) throw lineLost(output, line)
    return at + start
  }
  return 0
}

function lineLost({ gap }: CapturedOutput, line: number) {
  const lost = gap === undefined ? 'bytes that' : `bytes ${gap.from} to ${gap.to}, which`
  const next = gap === undefined ? 'a cursor' : `cursor ${gap.to} for what follows those`
  return argumentInvalid(
    `line ${line} begins in or behind ${lost} are lost: ${gap?.why ?? 'they are gone'}`,
    `Leave offset out to see the last lines, or use ${next}.`,
  )
}

/** Whether a line goes on where `skipped`, which begins at byte `from`, ends. */
async function isInsideLine(output: CapturedOutput, from: number, skipped: Buffer) {
  if (skipped.length > 0) return endsInside(skipped)
  // Of a byte that is lost nobody knows what it was.
  if (from === 0 || from === output.gap?.to) return from > 0
  return endsInside(await output.read(from - 1, from))
}

const endsInside = (bytes: Buffer) => bytes.length > 0 && bytes[bytes.length - 1] !== 0x0a

function page(text: ReturnType<typeof terminalText>, cursor: number, notes: string[]): LogPage {
  const changes = changesOf([text])
  return {
    text: text.text,
    cursor,
    notes: changes === undefined ? notes : [...notes, `for reading: ${changes}`],
  }
}
