/** What the OpenShell command writes for terminals, as text. */
import { stripVTControlCharacters } from 'node:util'

/**
 * One line of `text`: colours, miette's glyphs and its wrapping at the width of a terminal taken away, so
 * that a sentence can be matched wherever it was broken.
 */
export function readable(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/^Error:\s+[×x]\s/m, 'Error: ')
    .replace(/^\s+(?:[├╰|`][─-]+[▶>]|[│|])\s/gm, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}
