/** The part of a command's output that one result shows: all of it, or its head and its tail. */
import type { CapturedOutput, OutputMark } from '../../output/captured-output.ts'
import { countLineFeeds } from '../../output/line-feeds.ts'
import { changesOf, terminalText } from './terminal-text.ts'

export interface OutputView {
  /** With a line between head and tail that says what is left out there. */
  readonly text: string
  readonly omittedBytes: number
  /** What was changed to make the output readable. */
  readonly changes: string | undefined
}

/** A cut moves to the next line boundary when that is this near. */
const nearBytes = 2_000

/** The output in [from, to), both of which are marks that were taken of it. */
export async function viewOutput(
  output: CapturedOutput,
  from: OutputMark,
  to: OutputMark,
  whereIsAll: string,
): Promise<OutputView> {
  await output.written
  const { headBytes, tailBytes } = output.limits
  const { gap } = output
  const isWhole = to.bytes - from.bytes <= headBytes + tailBytes
  const gapFrom = gap !== undefined && gap.from < to.bytes && from.bytes < gap.to ? gap : undefined
  if (isWhole && gapFrom === undefined) {
    const whole = terminalText(await output.read(from.bytes, to.bytes))
    return { text: whole.text, omittedBytes: 0, changes: changesOf([whole]) }
  }

  const headLimit = Math.min(from.bytes + headBytes, gapFrom?.from ?? to.bytes)
  const tailLimit = Math.max(to.bytes - tailBytes, gapFrom?.to ?? 0, headLimit)
  const [head, tail] = await Promise.all([
    output.read(from.bytes, Math.max(from.bytes, headLimit)),
    output.read(tailLimit, to.bytes),
  ])
  const headEnd = cutEnd(head)
  const tailStart = cutStart(tail)
  const shown = [head.subarray(0, headEnd), tail.subarray(tailStart)] as const
  const texts = [terminalText(shown[0]), terminalText(shown[1])] as const

  const omittedBytes = to.bytes - from.bytes - shown[0].length - shown[1].length
  const lines = omittedLines(from, to, shown)
  const why =
    gapFrom === undefined
      ? ''
      : `; ${Math.min(gapFrom.to, to.bytes) - Math.max(gapFrom.from, from.bytes)} of them are lost: ${gapFrom.why}`
  const note = `[${omittedBytes} bytes${lines} left out here${why}; ${whereIsAll}]`
  return {
    text: [endLine(texts[0].text), note, '\n', texts[1].text].join(''),
    omittedBytes,
    changes: changesOf(texts),
  }
}

/** How many, in words, where it can be told. */
function omittedLines(from: OutputMark, to: OutputMark, shown: readonly Buffer[]): string {
  if (from.lineFeeds === undefined || to.lineFeeds === undefined) return ''
  const feeds = shown.reduce((sum, bytes) => sum + countLineFeeds(bytes), 0)
  return ` (${to.lineFeeds - from.lineFeeds - feeds} lines)`
}

/** Where the head ends: after its last line if that is near, else between two characters. */
export function cutEnd(bytes: Buffer): number {
  const line = bytes.lastIndexOf(0x0a) + 1
  if (line > 0 && bytes.length - line < nearBytes) return line
  let end = bytes.length
  // A lead byte in the last three places may lack its rest.
  while (end > 0 && bytes.length - end < 3 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end -= 1
  return end > 0 && (bytes[end - 1] ?? 0) >= 0xc0 ? end - 1 : bytes.length
}

/** Where the tail begins: at its first whole line if that is near, else between two characters. */
export function cutStart(bytes: Buffer): number {
  const line = bytes.indexOf(0x0a) + 1
  if (line > 0 && line < nearBytes && line < bytes.length) return line
  let start = 0
  while (start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1
  return start
}

function endLine(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}
