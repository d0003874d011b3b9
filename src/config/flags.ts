/** The server's options. What they set wins over everything else. */
import { parseArgs } from 'node:util'
import { configInvalid, shown } from '../errors.ts'
import { nearestWord } from './nearest-word.ts'
import { backendNames, type Layer, type Values } from './values.ts'

/** As `parseArgs` has them. */
export const serverFlags = {
  workspace: { type: 'string' },
  backend: { type: 'string' },
  access: { type: 'string' },
  image: { type: 'string' },
  network: { type: 'string' },
  agent: { type: 'string' },
  session: { type: 'string' },
  config: { type: 'string' },
  set: { type: 'string', multiple: true },
  ephemeral: { type: 'boolean' },
  'tool-prefix': { type: 'string' },
  'output-limit': { type: 'string' },
} as const

/** Without the dashes. */
export const flagNames: readonly string[] = Object.keys(serverFlags)

/** What the command line says. */
export interface Flags {
  readonly layer: Layer
  /** The file to read in place of the usual one. */
  readonly config: string | undefined
  /** `path.to.key=value`, each as it was given. */
  readonly set: readonly string[]
}

/** The flag that sets a key. */
const flagOf: Readonly<Record<string, string>> = {
  workspaceAccess: '--access',
  'docker.image': '--image',
  'docker.network': '--network',
  'bubblewrap.network': '--network',
  toolPrefix: '--tool-prefix',
  outputCharacters: '--output-limit',
}

/** `CONFIG_INVALID` for an option it does not know, with the nearest one, and for a bad value. */
export function readFlags(argv: readonly string[]): Flags {
  const { values } = parse(argv)
  const { network } = values
  if (network === '')
    throw configInvalid('--network is empty', 'Use none, bridge, or a network name.')
  const given: Values = {
    ...(values.workspace === undefined ? {} : { workspace: values.workspace }),
    ...(values.backend === undefined
      ? {}
      : { backend: oneOf('--backend', values.backend, backendNames) }),
    ...(values.access === undefined
      ? {}
      : { workspaceAccess: oneOf('--access', values.access, ['none', 'ro', 'rw']) }),
    ...(values.image === undefined && network === undefined
      ? {}
      : {
          docker: {
            ...(values.image === undefined ? {} : { image: values.image }),
            ...(network === undefined ? {} : { network }),
          },
        }),
    ...(network === undefined
      ? {}
      : { bubblewrap: { network: network === 'none' ? 'none' : 'host' } }),
    ...(values.agent === undefined ? {} : { agent: identifier('--agent', values.agent) }),
    ...(values.session === undefined ? {} : { session: sessionName('--session', values.session) }),
    ...(values.ephemeral === undefined ? {} : { ephemeral: values.ephemeral }),
    ...(values['tool-prefix'] === undefined
      ? {}
      : { toolPrefix: toolPrefix(values['tool-prefix']) }),
    ...(values['output-limit'] === undefined
      ? {}
      : { outputCharacters: outputCharacters(values['output-limit']) }),
  }
  return {
    layer: {
      values: given,
      sourceOf: (key) => ({ kind: 'flag', name: flagOf[key] ?? `--${key}` }),
    },
    config: values.config,
    set: values.set ?? [],
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: serverFlags,
      strict: true,
      allowPositionals: false,
    })
  } catch (error) {
    const unknown = /Unknown option '(-[^']*)'/.exec((error as Error).message)?.[1]
    const positional = /Unexpected argument '([^']*)'/.exec((error as Error).message)?.[1]
    if (unknown !== undefined) {
      const near = nearestWord(unknown.replace(/^-+/, ''), [
        ...Object.keys(serverFlags),
        'help',
        'version',
      ])
      throw configInvalid(
        `there is no option ${shown(unknown)}`,
        near === undefined ? 'See --help.' : `Did you mean --${near}? See --help.`,
      )
    }
    if (positional !== undefined) {
      throw configInvalid(
        `${shown(positional)} is not an option`,
        `Write a command first, before its options, and the project as --workspace ${positional}; see --help.`,
      )
    }
    throw configInvalid((error as Error).message, 'See --help.')
  }
}

function oneOf<const Word extends string>(
  flag: string,
  value: string,
  words: readonly Word[],
): Word {
  const found = words.find((word) => word === value)
  if (found !== undefined) return found
  const near = nearestWord(value, words)
  throw configInvalid(
    `there is no ${flag.slice(2)} ${shown(value)}`,
    flag === '--backend' && value === 'podman'
      ? 'Use docker for Podman: its socket is found, or named by DOCKER_HOST.'
      : near === undefined
        ? `Use ${words.join(', ')}.`
        : `Did you mean ${near}? There are ${words.join(', ')}.`,
  )
}

/** An agent's id. It holds no colon: keys are told apart by that. */
export function identifier(from: string, value: string): string {
  if (/^[\p{L}\p{N}][\p{L}\p{N}._@-]{0,63}$/u.test(value)) return value
  throw configInvalid(
    `${from} ${shown(value)} is not a usable name`,
    'Use up to 64 letters, digits, and . _ - @ in between.',
  )
}

/**
 * The name of a session: what chat programs call theirs is fine, since sandboxes are named by a hash
 * of it. Two spellings of the same characters are one name.
 */
function sessionName(from: string, value: string): string {
  const name = value.normalize('NFC')
  if (name.length <= 200 && /^[^\s\p{C}](?:[^\p{C}\p{Zl}\p{Zp}]*[^\s\p{C}])?$/u.test(name)) {
    return name
  }
  throw configInvalid(
    `${from} ${shown(value)} is not a usable name`,
    'Use up to 200 printable characters, without blanks at the ends.',
  )
}

function toolPrefix(value: string): string {
  if (/^[a-z0-9_]{0,20}$/.test(value)) return value
  throw configInvalid(
    `--tool-prefix ${shown(value)} would make tool names that clients refuse`,
    'Use up to 20 lower-case letters, digits and _.',
  )
}

function outputCharacters(value: string): number {
  const characters = Number(value)
  if (/^\d+$/.test(value) && characters >= 2_000 && characters <= 1_000_000) return characters
  throw configInvalid(
    `--output-limit ${shown(value)} is not a number of characters from 2000 to 1000000`,
    'Most clients show results of 30000 characters whole.',
  )
}
