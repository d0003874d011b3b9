/**
 * How `openshell` says that something failed: miette's graphical report, wrapped, and without
 * colours where nobody sees them. What it says otherwise is coloured whether or not anybody does.
 */
import { codeText, type Status } from '../protocol.ts'

/** A failure that ends the program with exit code 1, with its causes, nearest first. */
export class Failure extends Error {
  readonly causes: readonly string[]
  constructor(message: string, causes: readonly string[] = []) {
    super(message)
    this.causes = causes
  }
}

/** How tonic prints a refusal of the gateway. */
export function statusText({ code, message }: Status, old: boolean): string {
  return old
    ? `status: ${code}, message: "${message}"`
    : `code: '${codeText[code]}', message: "${message}"`
}

/** miette's, where no terminal says otherwise; the word `Error: ` comes before it. */
const width = 78

export function report(failure: Failure, asciiGlyphs: boolean): string {
  const glyphs = asciiGlyphs ? ascii : unicode
  const lines = wrapped(failure.message, `  ${glyphs.cross} `, `  ${glyphs.bar} `)
  failure.causes.forEach((cause, at) => {
    const last = at === failure.causes.length - 1
    const next = last ? '      ' : `  ${glyphs.bar}   `
    lines.push(...wrapped(cause, `  ${last ? glyphs.lastCause : glyphs.cause} `, next))
  })
  return `Error: ${lines.join('\n')}\n\n`
}

const unicode = { cross: '×', bar: '│', cause: '├─▶', lastCause: '╰─▶' }
const ascii = { cross: 'x', bar: '|', cause: '|->', lastCause: '`->' }

/** Fills lines from the left; the text's own line ends are kept, and words that are too long are cut. */
function wrapped(text: string, first: string, next: string): string[] {
  const lines: string[] = []
  let indent = first
  for (const paragraph of text.split('\n')) {
    let line = ''
    const push = () => {
      lines.push(`${indent}${line}`.trimEnd())
      indent = next
      line = ''
    }
    for (const piece of pieces(paragraph)) {
      let rest = piece
      if (line !== '' && indent.length + line.length + rest.trimEnd().length > width) push()
      while (indent.length + rest.trimEnd().length > width) {
        const room = width - indent.length
        line = rest.slice(0, room)
        rest = rest.slice(room)
        push()
      }
      line += rest
    }
    push()
  }
  return lines
}

/** Where Unicode allows a line to end: after blanks, and after a hyphen or a slash before a letter. */
function pieces(text: string): string[] {
  return text.match(/.+?(?: +(?! )|[-/](?=[A-Za-z])|$)/g) ?? []
}

const paint = (open: string, close: string) => (text: string) =>
  `\x1b[${open}m${text}\x1b[${close}m`
export const bold = paint('1', '0')
export const dimmed = paint('2', '0')
export const green = paint('32', '39')
export const yellow = paint('33', '39')
export const red = paint('31', '39')
const cyan = paint('36', '39')
export const heading = (text: string) => bold(cyan(text))
export const tick = bold(green('✓'))
