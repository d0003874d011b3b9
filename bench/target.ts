/** What a row is to hold, as ARCHITECTURE and the issue say it. Pure. */

/**
 * `at-most` and `at-least` bound ours divided by the peer's; `limit` bounds ours alone, in the unit of
 * the row.
 */
export type Target =
  | { readonly kind: 'at-most'; readonly ratio: number }
  | { readonly kind: 'at-least'; readonly ratio: number }
  | { readonly kind: 'limit'; readonly value: number }

export const atMost = (ratio: number): Target => ({ kind: 'at-most', ratio })
export const atLeast = (ratio: number): Target => ({ kind: 'at-least', ratio })
export const limit = (value: number): Target => ({ kind: 'limit', value })

/** `ratio` is ours divided by the peer's, and undefined where there is no peer. */
export function holds(target: Target, ours: number, ratio: number | undefined): boolean {
  switch (target.kind) {
    case 'at-most':
      return ratio !== undefined && ratio <= target.ratio
    case 'at-least':
      return ratio !== undefined && ratio >= target.ratio
    case 'limit':
      return ours <= target.value
  }
}

/** As a table says it: `≤ 1/15 ×`, `≥ 0.9 ×`, `≤ 3 ms`. */
export function targetText(target: Target, unit: string): string {
  switch (target.kind) {
    case 'at-most':
      return `≤ ${fraction(target.ratio)} ×`
    case 'at-least':
      return `≥ ${fraction(target.ratio)} ×`
    case 'limit':
      return `≤ ${target.value} ${unit}`
  }
}

function fraction(ratio: number): string {
  const whole = Math.round(1 / ratio)
  return ratio < 0.6 && Math.abs(1 / ratio - whole) < 1e-9 ? `1/${whole}` : `${ratio}`
}
