/** Lines that keep their own ending, so that what is not changed is written back as it was. */

export type Ending = '' | '\n' | '\r\n'

export interface Line {
  readonly text: string
  /** Empty only for a last line that has no newline. */
  readonly ending: Ending
}

/** The byte order mark, as text. */
export const byteOrderMark = '\ufeff'

/** Splits after each newline; a lone carriage return is text. Empty text has no lines. */
export function splitLines(text: string): Line[] {
  const lines: Line[] = []
  let from = 0
  while (from < text.length) {
    const newline = text.indexOf('\n', from)
    if (newline === -1) {
      lines.push({ text: text.slice(from), ending: '' })
      break
    }
    const windows = newline > from && text[newline - 1] === '\r'
    lines.push({
      text: text.slice(from, windows ? newline - 1 : newline),
      ending: windows ? '\r\n' : '\n',
    })
    from = newline + 1
  }
  return lines
}

/** The text that `splitLines` took apart. */
export function joinLines(lines: readonly Line[]): string {
  return lines.map((line) => line.text + line.ending).join('')
}

/** The text with every CRLF as LF. */
export function withLineFeeds(text: string): string {
  return text.replaceAll('\r\n', '\n')
}

/** How many newlines there are in `text[from, to)`. */
export function countNewlines(text: string, from: number, to: number): number {
  let count = 0
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) {
    count += 1
  }
  return count
}

/**
 * The line to be told: cut to `limit` code units, never inside a character. Bytes that are not UTF-8 are U+FFFD in
 * it, because many clients cannot read an answer with the lone surrogates that stand for them.
 */
export function cutLine(line: string, limit: number): string {
  if (line.length <= limit) return line.toWellFormed()
  const last = line.charCodeAt(limit - 1)
  const cut = line.slice(0, last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit)
  return `${cut.toWellFormed()}\u2026`
}
