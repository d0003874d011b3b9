/** The bytes of a page as text, with what was changed to show them. */

const byteOrderMark = '\ufeff'
const replacement = '\u{fffd}'
/** More NUL bytes in a row than anybody wants to see one by one. */
const nulRun = 8

/** `isStart` tells that the page begins where the file does. */
export function pageText(
  bytes: Buffer,
  isStart: boolean,
): { readonly text: string; readonly notes: readonly string[] } {
  const notes: string[] = []
  let text = bytes.toString('utf8')
  if (isStart && text.startsWith(byteOrderMark)) {
    text = text.slice(1)
    notes.push('begins with a byte order mark, not shown')
  }
  if (text.includes(replacement) && countOf(text, replacement) > countOf(bytes, replacement)) {
    notes.push(
      `some bytes are not UTF-8 and are shown as ${replacement}; edit keeps them as they are`,
    )
  }
  if (text.includes('\r\n')) {
    const windows = countOf(text, '\r\n')
    const all = windows === countOf(text, '\n')
    text = text.replaceAll('\r\n', '\n')
    notes.push(
      `${all ? 'lines end' : `${windows} lines end`} with CRLF, shown as LF; edit keeps them`,
    )
  }
  if (text.includes('\0')) {
    text = text.replace(/\0+/g, ({ length }) =>
      length > nulRun ? `\u2400[${length} NUL bytes]` : '\u2400'.repeat(length),
    )
    notes.push('NUL bytes are shown as \u2400')
  }
  return { text, notes }
}

function countOf(within: string | Buffer, what: string): number {
  let found = 0
  for (let at = within.indexOf(what); at !== -1; at = within.indexOf(what, at + what.length)) {
    found += 1
  }
  return found
}
