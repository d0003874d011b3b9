/** The text core of `apply_patch`: the chunks of one file, all located before any is made. */
import type { Steps } from '../../turn.ts'
import { byteOrderMark, type Ending, joinLines, type Line, splitLines } from '../text-lines.ts'
import { FileLines } from './file-lines.ts'
import { isAppended, locateChunk, type Placed } from './locate.ts'
import type { Chunk } from './parse.ts'

/**
 * The text with the chunks applied, in order. Lines that a chunk does not write stay as they are,
 * endings included; written ones take the ending of the line they replace, or of their neighbour,
 * and always have one. `EDIT_NO_MATCH` when a chunk has no place, or more than one.
 */
export function* applyChunks(text: string, chunks: readonly Chunk[]): Steps<string> {
  const mark = text.startsWith(byteOrderMark) ? byteOrderMark : ''
  const lines = splitLines(text.slice(mark.length))
  const file = new FileLines(lines.map((line) => line.text))

  let from = 0
  let appended: Chunk | undefined
  const placed: Placed[] = []
  for (const chunk of chunks) {
    const place = locateChunk(file, chunk, from, appended)
    if (isAppended(chunk)) appended = chunk
    from = place.at + place.body.filter(({ sign }) => sign !== '+').length
    placed.push(place)
    yield
  }
  return mark + joinLines(rewrite(lines, placed))
}

function rewrite(lines: readonly Line[], placed: readonly Placed[]): Line[] {
  const written: Line[] = []
  const usual = lines[0]?.ending || '\n'
  let next = 0
  const keep = (to: number) => {
    for (const line of lines.slice(next, to)) written.push(line)
    next = to
  }
  for (const { at, body } of placed) {
    keep(at)
    let removed: Ending[] = []
    let given = 0
    for (const { sign, text } of body) {
      if (sign === '+') {
        const around = lines[next - 1]?.ending || lines[next]?.ending || usual
        written.push({ text, ending: removed[given] || around })
        if (given < removed.length) given += 1
        continue
      }
      if (sign === '-') removed.push(lines[next]?.ending ?? '')
      else [removed, given] = [[], 0]
      if (sign === '-') next += 1
      else keep(next + 1)
    }
  }
  keep(lines.length)
  // A line that had no newline is no longer the last one once something was written after it.
  return written.map((line, i) =>
    line.ending === '' && i < written.length - 1
      ? { ...line, ending: written[i - 1]?.ending || usual }
      : line,
  )
}
