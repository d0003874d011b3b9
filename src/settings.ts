/** What a server is told to do, put together from flags, environment and file by `config/`. */
import type { DockerSettings } from './backends/docker/settings.ts'
import type { OpenShellSettings } from './backends/openshell/settings.ts'
import type { SshSettings } from './backends/ssh/destination.ts'
import type { BackendKind } from './sandbox.ts'

/** What the sandbox sees of the workspace: its files, a copy it cannot change at `/agent`, or nothing. */
export type WorkspaceAccess = 'rw' | 'ro' | 'none'

/** Which sessions have a sandbox; the others run on the host. */
export type Mode = 'off' | 'non-main' | 'all'

/** Who shares a sandbox: the calls of one session, of one agent, or of all. */
export type Scope = 'session' | 'agent' | 'shared'

/** Nothing, or the host's network as it is. */
export type BubblewrapNetwork = 'none' | 'host'

/** Which files a mirrored or seeded workspace leaves on the host. */
export interface SyncSettings {
  /** As in a `.gitignore` at the top of the workspace, after the built-in ones. */
  readonly ignore: readonly string[]
  /** Whether what the workspace's own `.gitignore` files name is left out too. */
  readonly gitignore: boolean
}

/** When sandboxes are removed by themselves; 0 for never. */
export interface PruneSettings {
  readonly idleHours: number
  readonly maxAgeDays: number
}

/** Which tools are offered. */
interface ToolPolicy {
  /** Undefined: all. Names, groups, or patterns with `*`. */
  readonly allow: readonly string[] | undefined
  /** Wins over `allow`. */
  readonly deny: readonly string[]
}

export interface Settings {
  /** Undefined: the current directory, unless nobody chose that. */
  readonly workspace: { readonly path: string; readonly source: string } | undefined
  /** Where private workspaces are. Undefined: in the state directory. */
  readonly workspaceRoot: string | undefined
  readonly access: WorkspaceAccess
  readonly mode: Mode
  readonly scope: Scope
  /** Of the sandboxes; a session that has none is on the host, see `sessions/mode.ts`. */
  readonly backend: Exclude<BackendKind, 'host'> | 'auto'
  readonly docker: DockerSettings
  readonly bubblewrap: { readonly network: BubblewrapNetwork }
  /** Undefined: no host was named. */
  readonly ssh: SshSettings | undefined
  readonly openshell: OpenShellSettings
  readonly sync: SyncSettings
  readonly prune: PruneSettings
  readonly tools: ToolPolicy
  /** The same as `docker.image`. */
  readonly image: string | undefined
  /** `docker.network`, or bubblewrap's where that is the backend that was named. */
  readonly network: string
  readonly agent: string
  readonly session: string
  readonly ephemeral: boolean
  readonly toolPrefix: string
  /** The most characters of a command's output in one result. */
  readonly outputCharacters: number
  /** How long a command may take that says nothing itself. Undefined: the tool's own limit. */
  readonly commandTimeoutSeconds: number | undefined
}
