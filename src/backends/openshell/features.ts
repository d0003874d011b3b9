/** What the OpenShell command can do, by its version and by what it refused. */

export interface Version {
  readonly text: string
  readonly numbers: readonly [number, number, number]
}

interface FeatureRow {
  /** The first release that has it. */
  readonly since: readonly [number, number, number]
  /** The call it is of, and the word of it that a command without it does not know. */
  readonly call: string
  readonly word: string
}

/** What differs between the releases that we support, and what later ones may well take away. */
const rows = {
  workspaces: { since: [0, 0, 88], call: '', word: '--workspace' },
  createJson: { since: [0, 0, 92], call: 'sandbox create', word: '--output' },
  getJson: { since: [0, 0, 92], call: 'sandbox get', word: '--output' },
  statusJson: { since: [0, 0, 92], call: 'status', word: '--output' },
  start: { since: [0, 0, 105], call: 'sandbox start', word: 'start' },
  /** The command after `--` is then the sandbox's main process, and ends it. */
  detach: { since: [0, 0, 111], call: 'sandbox create', word: '--detach' },
  noTty: { since: [0, 0, 0], call: 'sandbox create', word: '--no-tty' },
  autoProviders: { since: [0, 0, 0], call: 'sandbox create', word: '--auto-providers' },
  noAutoProviders: { since: [0, 0, 0], call: 'sandbox create', word: '--no-auto-providers' },
} as const satisfies Record<string, FeatureRow>

export type Feature = keyof typeof rows
export type Features = ReadonlySet<Feature>

const entries = Object.entries(rows) as [Feature, FeatureRow][]

/** The oldest release that is supported: the first with ownership that is told as JSON as we read it. */
export const oldestVersion = '0.0.68'

/** Reads what `openshell --version` prints; undefined for anything else. */
export function parseVersion(output: string): Version | undefined {
  const found = /\bopenshell\S*\s+v?((\d+)\.(\d+)\.(\d+)\S*)/.exec(output)
  if (found === null) return undefined
  const [, text = '', major, minor, patch] = found
  return { text, numbers: [Number(major), Number(minor), Number(patch)] }
}

export function isSupported(version: Version): boolean {
  const oldest = parseVersion(`openshell ${oldestVersion}`)
  return oldest !== undefined && !isBefore(version.numbers, oldest.numbers)
}

export function featuresOf({ numbers }: Version): Features {
  return new Set(entries.filter(([, { since }]) => !isBefore(numbers, since)).map(([name]) => name))
}

/**
 * The feature whose absence made the call end with exit code 2, as clap tells it; undefined when it was
 * something else. `call` is the words of the subcommand.
 */
export function refusedFeature(call: string, stderr: string): Feature | undefined {
  const word = /unexpected argument '([^']+)'|unrecognized subcommand '([^']+)'/.exec(stderr)
  const refused = word?.[1] ?? word?.[2]
  return entries.find((entry) => entry[1].word === refused && isOf(call, entry[1].call))?.[0]
}

const isOf = (call: string, of: string) => of === '' || call === of

function isBefore(one: readonly number[], other: readonly number[]): boolean {
  for (const [at, number] of one.entries()) {
    const against = other[at] ?? 0
    if (number !== against) return number < against
  }
  return false
}
