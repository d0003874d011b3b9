/** What a person can set, from flags and environment: the flag wins. */
import { parseArgs } from 'node:util'
import { type OpenShellSettings, openShellDefaults } from './backends/openshell/settings.ts'
import type { SshSettings } from './backends/ssh/destination.ts'
import { defaultOutputCharacters } from './captured-output.ts'
import { configInvalid, shown } from './errors.ts'
import type { BackendKind } from './sandbox.ts'

/** What the sandbox sees of the workspace: its files, a copy it cannot change at `/agent`, or nothing. */
export type WorkspaceAccess = 'rw' | 'ro' | 'none'

/** Which files a mirrored or seeded workspace leaves on the host. */
export interface SyncSettings {
  /** As in a `.gitignore` at the top of the workspace, after the built-in ones. */
  readonly ignore: readonly string[]
  /** Whether what the workspace's own `.gitignore` files name is left out too. */
  readonly gitignore: boolean
}

export interface Settings {
  /** Undefined: the current directory, unless nobody chose that. */
  readonly workspace: { readonly path: string; readonly source: string } | undefined
  readonly access: WorkspaceAccess
  readonly backend: BackendKind | 'auto'
  readonly ssh: SshSettings | undefined
  readonly openshell: OpenShellSettings
  readonly sync: SyncSettings
  readonly image: string | undefined
  readonly network: string
  readonly agent: string
  readonly session: string
  readonly ephemeral: boolean
  readonly toolPrefix: string
  /** The most characters of a command's output in one result. */
  readonly outputCharacters: number
}

export type Request =
  | { readonly kind: 'serve'; readonly settings: Settings }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }

const options = {
  workspace: { type: 'string' },
  backend: { type: 'string' },
  image: { type: 'string' },
  network: { type: 'string' },
  agent: { type: 'string' },
  session: { type: 'string' },
  ephemeral: { type: 'boolean' },
  'tool-prefix': { type: 'string' },
  'output-limit': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

export const help = `sandbox-mcp: an MCP server that gives any LLM client a computer it can use without harm

Usage: sandbox-mcp [--workspace DIR] [options]      speaks MCP on stdin and stdout

  --workspace DIR     the project; seen as /workspace inside [WORKSPACE_BASE; the current directory]
  --backend NAME      docker, bubblewrap, or auto: Docker if a daemon answers [auto]
  --image REF         the image of Docker sandboxes [node:22-bookworm]
  --network MODE      none, or bridge or another Docker network; bubblewrap: none or host [none]
  --agent ID          agents have a sandbox each [SANDBOX_MCP_AGENT; main]
  --session NAME      [main]
  --ephemeral         remove the sandbox when the session ends
  --output-limit N    the most characters of a command's output in one result [30000]
  --tool-prefix P     put P before every tool's name, for clients that do not tell servers apart
  --help, --version
`

/** `CONFIG_INVALID` for an argument it does not know, with the nearest one, and for a bad value. */
export function readSettings(argv: readonly string[], env: NodeJS.ProcessEnv): Request {
  const { values } = parse(argv)
  if (values.help) return { kind: 'help' }
  if (values.version) return { kind: 'version' }
  return {
    kind: 'serve',
    settings: {
      workspace:
        values.workspace !== undefined
          ? { path: values.workspace, source: '--workspace' }
          : env.WORKSPACE_BASE
            ? { path: env.WORKSPACE_BASE, source: 'WORKSPACE_BASE' }
            : undefined,
      access: 'rw',
      ssh: undefined,
      openshell: openShellDefaults,
      sync: { ignore: [], gitignore: false },
      backend: backend(values.backend ?? 'auto'),
      image: values.image,
      network: network(values.network ?? 'none'),
      agent: identifier('--agent', values.agent ?? (env.SANDBOX_MCP_AGENT || 'main')),
      session: identifier('--session', values.session ?? 'main'),
      ephemeral: values.ephemeral === true,
      toolPrefix: toolPrefix(values['tool-prefix'] ?? ''),
      outputCharacters: outputCharacters(values['output-limit']),
    },
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false })
  } catch (error) {
    const unknown = /Unknown option '(-[^']*)'/.exec((error as Error).message)?.[1]
    const positional = /Unexpected argument '([^']*)'/.exec((error as Error).message)?.[1]
    if (unknown !== undefined) {
      const near = nearest(unknown.replace(/^-+/, ''), Object.keys(options))
      throw configInvalid(
        `there is no option ${shown(unknown)}`,
        near === undefined ? 'See --help.' : `Did you mean --${near}? See --help.`,
      )
    }
    if (positional !== undefined) {
      throw configInvalid(
        `${shown(positional)} is not an option`,
        `Name the project with --workspace ${positional}.`,
      )
    }
    throw configInvalid((error as Error).message, 'See --help.')
  }
}

function backend(value: string): Settings['backend'] {
  if (value === 'docker' || value === 'bubblewrap' || value === 'auto') return value
  throw configInvalid(`there is no backend ${shown(value)}`, 'Use docker, bubblewrap or auto.')
}

function network(value: string): string {
  if (/^container:/.test(value)) {
    throw configInvalid(
      `network ${shown(value)} is refused: it would share another container's network`,
      'Use none, bridge, or the name of a network.',
    )
  }
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(value)) return value
  throw configInvalid(`${shown(value)} is not a network`, 'Use none, bridge, or a network name.')
}

function identifier(flag: string, value: string): string {
  if (/^[\p{L}\p{N}][\p{L}\p{N}._@-]{0,63}$/u.test(value)) return value
  throw configInvalid(
    `${flag} ${shown(value)} is not a usable name`,
    'Use up to 64 letters, digits, and . _ - @ in between.',
  )
}

function toolPrefix(value: string): string {
  if (/^[a-z0-9_]{0,20}$/.test(value)) return value
  throw configInvalid(
    `--tool-prefix ${shown(value)} would make tool names that clients refuse`,
    'Use up to 20 lower-case letters, digits and _.',
  )
}

function outputCharacters(value: string | undefined): number {
  if (value === undefined) return defaultOutputCharacters
  const characters = Number(value)
  if (/^\d+$/.test(value) && characters >= 2_000 && characters <= 1_000_000) return characters
  throw configInvalid(
    `--output-limit ${shown(value)} is not a number of characters from 2000 to 1000000`,
    'Most clients show results of 30000 characters whole.',
  )
}

/** The known word that differs by the fewest letters, if it is near at all. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
    .sort((a, b) => a.distance - b.distance)
  const [best] = ranked
  return best !== undefined && best.distance <= Math.max(2, word.length / 3)
    ? best.candidate
    : undefined
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (letter === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substituted))
    }
    row = next
  }
  return row[b.length] ?? 0
}
