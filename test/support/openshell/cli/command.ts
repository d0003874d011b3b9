/** What a command consists of, as clap sees it. */

export interface Option {
  /** Without the dashes. */
  readonly long: string
  readonly short?: string
  /** What the value is called; undefined is a flag without value. */
  readonly value?: string
  /** The value may be left out. */
  readonly optionalValue?: boolean
  readonly repeat?: boolean
  readonly required?: boolean
  readonly possible?: readonly string[]
  readonly number?: boolean
  readonly hidden?: boolean
  readonly since?: string
  readonly until?: string
  readonly conflicts?: readonly string[]
  readonly requires?: string
  /** The one it undoes; the last of both holds. */
  readonly overrides?: string
  readonly env?: string
  readonly fallback?: string
}

export interface Positional {
  readonly name: string
  readonly required?: boolean
  readonly repeat?: boolean
  /** Only after `--`. */
  readonly last?: boolean
  /** Takes all that follows, also what looks like a flag. */
  readonly trailing?: boolean
  readonly unlessPresent?: string
}

export interface Command {
  readonly name: string
  readonly about: string
  readonly alias?: string
  readonly since?: string
  readonly until?: string
  readonly options?: readonly Option[]
  readonly positionals?: readonly Positional[]
  readonly commands?: readonly Command[]
}

export const globalOptions: readonly Option[] = [
  { long: 'gateway', short: 'g', value: 'GATEWAY', env: 'OPENSHELL_GATEWAY' },
  { long: 'gateway-endpoint', value: 'GATEWAY_ENDPOINT', env: 'OPENSHELL_GATEWAY_ENDPOINT' },
  { long: 'gateway-insecure', env: 'OPENSHELL_GATEWAY_INSECURE' },
  {
    long: 'workspace',
    value: 'WORKSPACE',
    env: 'OPENSHELL_WORKSPACE',
    fallback: 'default',
    since: '0.0.88',
  },
  { long: 'verbose', short: 'v', repeat: true },
  { long: 'help', short: 'h' },
  { long: 'version', short: 'V' },
]

/** `-o FORMAT`. */
export const outputOption = (since: string, conflicts: readonly string[] = []): Option => ({
  long: 'output',
  short: 'o',
  value: 'OUTPUT',
  possible: ['table', 'yaml', 'json'],
  since,
  conflicts,
})
