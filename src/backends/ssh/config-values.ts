/** What values of ssh_config(5) mean. */

export const saysYes = (value = '') => ['yes', 'true'].includes(value.toLowerCase())
export const saysNo = (value = '') => ['no', 'off', 'false'].includes(value.toLowerCase())

/** Those of `paths` that name a file. */
export const named = (paths: readonly string[]) =>
  paths.filter((path) => path.toLowerCase() !== 'none')

/** `text` with its tokens filled in; one that is not known stays. */
export function filledIn(text: string, tokens: Readonly<Record<string, string>>): string {
  const values: Readonly<Record<string, string>> = { ...tokens, '%': '%' }
  return text.replace(/%(.)/g, (token, letter: string) => values[letter] ?? token)
}

const seconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Milliseconds of a time as `90`, `90s` or `1m30s`; undefined for none. */
export function duration(text = ''): number | undefined {
  if (!/^(\d+[smhdw]?)+$/i.test(text)) return undefined
  const total = [...text.toLowerCase().matchAll(/(\d+)([smhdw]?)/g)].reduce(
    (sum, [, count, unit = '']) => sum + Number(count) * (seconds[unit] ?? 1),
    0,
  )
  return total > 0 ? total * 1000 : undefined
}
