/** What the OpenShell command writes for terminals, as text. */
import { stripVTControlCharacters } from 'node:util'

/** Characters that are read of each end: what builds an image says megabytes before it tells why it fails. */
const kept = { start: 1_000, end: 4_000 }

/**
 * One line of the ends of `text`: colours, miette's glyphs and its wrapping at the width of a terminal taken away, so
 * that a sentence can be matched wherever it was broken.
 */
export function readable(text: string): string {
  return stripVTControlCharacters(endsOf(text))
    .replace(/^Error:\s+[×x]\s/m, 'Error: ')
    .replace(/^[^\S\n]+(?:[├╰|`][─-]+[▶>]|[│|])\s/gm, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}

function endsOf(text: string): string {
  if (text.length <= kept.start + kept.end) return text
  return `${text.slice(0, kept.start)}\n\u2026\n${text.slice(-kept.end)}`
}
