/**
 * Characters that models and editors put in each other's place. Both sides of a tolerant match are
 * folded to the plain form; what is written is never folded.
 */

const plainForms: readonly (readonly [plain: string, variants: string])[] = [
  ["'", '\u2018\u2019\u201a\u201b\u2032'],
  ['"', '\u201c\u201d\u201e\u201f\u2033'],
  ['-', '\u2010\u2011\u2012\u2013\u2014\u2015\u2212'],
  [
    ' ',
    '\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000',
  ],
  ['...', '\u2026'],
]

const plainOf = new Map(
  plainForms.flatMap(([plain, variants]) => [...variants].map((variant) => [variant, plain])),
)

/** Source of a character class (without brackets) of everything that folds. */
export const foldedCharacters = [...plainOf.keys()].join('')

const pattern = new RegExp(`[${foldedCharacters}]`, 'g')

/** Typographic quotes, dashes, spaces and the ellipsis as their ASCII forms. */
export function foldPunctuation(text: string): string {
  return text.replace(pattern, (character) => plainOf.get(character) ?? character)
}
