/** Everything a person can set, as far as one source sets it; and what holds when none does. */
import { type DockerSettings, dockerDefaults } from '../backends/docker/settings.ts'
import { type OpenShellSettings, openShellDefaults } from '../backends/openshell/settings.ts'
import type { SshSettings } from '../backends/ssh/destination.ts'
import { defaultOutputCharacters } from '../output/captured-output.ts'
import type {
  BubblewrapNetwork,
  Mode,
  PruneSettings,
  Scope,
  SyncSettings,
  WorkspaceAccess,
} from '../settings.ts'
import type { Source } from './source.ts'

/** What `backend` may be. */
export const backendNames = ['auto', 'docker', 'bubblewrap', 'ssh', 'openshell'] as const

/** What one source sets; in the shape of `agents.defaults.sandbox`, with what is set elsewhere added. */
export interface Values {
  readonly workspace?: string
  readonly agent?: string
  readonly session?: string
  readonly ephemeral?: boolean
  readonly toolPrefix?: string
  readonly outputCharacters?: number
  readonly commandTimeoutSeconds?: number
  readonly mode?: Mode
  readonly backend?: (typeof backendNames)[number]
  readonly scope?: Scope
  readonly workspaceAccess?: WorkspaceAccess
  readonly workspaceRoot?: string
  readonly docker?: Partial<DockerSettings>
  readonly bubblewrap?: { readonly network?: BubblewrapNetwork }
  readonly ssh?: Partial<SshSettings>
  readonly openshell?: Partial<OpenShellSettings> & { readonly enabled?: boolean }
  readonly sync?: Partial<SyncSettings>
  readonly prune?: Partial<PruneSettings>
  readonly tools?: {
    readonly allow?: readonly string[]
    readonly alsoAllow?: readonly string[]
    readonly deny?: readonly string[]
  }
}

/** What holds where nothing is set. Further defaults are the backends' own. */
export const defaults: Values = {
  agent: 'main',
  session: 'main',
  ephemeral: false,
  toolPrefix: '',
  outputCharacters: defaultOutputCharacters,
  mode: 'all',
  backend: 'auto',
  scope: 'agent',
  workspaceAccess: 'rw',
  docker: dockerDefaults,
  bubblewrap: { network: 'none' },
  openshell: openShellDefaults,
  sync: { ignore: [], gitignore: false },
  prune: { idleHours: 24, maxAgeDays: 7 },
  tools: { deny: [] },
}

/** One source's values. */
export interface Layer {
  readonly values: Values
  /** Where the value at a key such as `docker.image` stands. */
  sourceOf(key: string): Source
  /** As in OpenClaw: an environment that a file sets for all agents takes the place of the default. */
  readonly replacesEnvironment?: boolean
  /** Holds for one agent only. */
  readonly isAgents?: boolean
}

const groups: readonly string[] = [
  'docker',
  'bubblewrap',
  'ssh',
  'openshell',
  'sync',
  'prune',
  'tools',
]
const maps: readonly string[] = ['docker.env', 'docker.ulimits']

/** Every value by its key: `docker.image`, `docker.env.LANG`. */
export function flat(values: Values): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>()
  const add = (value: object, prefix: string) => {
    for (const [name, inner] of Object.entries(value)) {
      if (inner === undefined) continue
      const key = prefix + name
      if (groups.includes(key) || maps.includes(key)) add(inner, `${key}.`)
      else found.set(key, inner)
    }
  }
  add(values, '')
  return found
}

/** What a key such as `docker.env.LANG` consists of: the names in a map may hold dots. */
export function partsOf(key: string): string[] {
  const map = maps.find((one) => key.startsWith(`${one}.`))
  return map === undefined ? key.split('.') : [...map.split('.'), key.slice(map.length + 1)]
}

/** The reverse of `flat`. */
export function whole(values: ReadonlyMap<string, unknown>): Values {
  const result: Record<string, unknown> = {}
  for (const [key, value] of values) {
    const path = partsOf(key)
    const last = path.pop() ?? ''
    let inner = result
    for (const part of path) {
      inner[part] ??= {}
      inner = inner[part] as Record<string, unknown>
    }
    inner[last] = value
  }
  return result
}
