/** Which arguments exclude each other, which are missing, and which values are none. */
import type { Option, Positional } from './command.ts'

/** As clap names it in messages. */
export function optionText({ long, value, optionalValue }: Option): string {
  if (value === undefined) return `--${long}`
  return optionalValue ? `--${long} [<${value}>]` : `--${long} <${value}>`
}

/** The first two of the arguments given, in their order, that cannot stand together. */
export function firstClash(
  options: readonly Option[],
  order: readonly string[],
): readonly [string, string] | undefined {
  const excluded = (name: string) => options.find(({ long }) => long === name)?.conflicts ?? []
  for (const name of new Set(order)) {
    const other = order.find(
      (given) =>
        given !== name && (excluded(name).includes(given) || excluded(given).includes(name)),
    )
    if (other !== undefined) return [name, other]
  }
  return undefined
}

/** What is required and was not given, as clap lists it. */
export function missingArguments(
  options: readonly Option[],
  positionals: readonly Positional[],
  given: ReadonlySet<string>,
): string[] {
  const shown = (name = '') => {
    const option = options.find(({ long }) => long === name)
    return option === undefined ? name : optionText(option)
  }
  const needed = options.filter(
    ({ requires, long }) => requires !== undefined && given.has(long) && !given.has(requires),
  )
  const values = positionals.filter(
    ({ name, required, unlessPresent = '' }) =>
      required && !given.has(name) && !given.has(unlessPresent),
  )
  return [
    ...options.filter(({ required, long }) => required && !given.has(long)).map(optionText),
    ...needed.map(({ requires }) => shown(requires)),
    ...values.map(({ name, repeat }) => `<${name}>${repeat ? '...' : ''}`),
  ]
}

/** What is wrong with a value. */
export function wrongValue(option: Option, value: string): string | undefined {
  const wrong = `invalid value '${value}' for '${optionText(option)}'`
  if (option.possible !== undefined && !option.possible.includes(value)) {
    return `${wrong}\n  [possible values: ${option.possible.join(', ')}]`
  }
  if (option.number && !/^\d+$/.test(value)) return `${wrong}: invalid digit found in string`
  if (option.long === 'gpu' && !/^([1-9]\d*)?$/.test(value)) {
    const why = /^0+$/.test(value) ? 'greater than 0' : 'a positive integer'
    return `${wrong}: GPU count must be ${why}`
  }
  return undefined
}
