/** What a person can set about Docker sandboxes: OpenClaw's `sandbox.docker`, key by key. */

export interface DockerSettings {
  /** Undefined: the default image. */
  readonly image?: string
  /** `none`, `bridge` or the name of a network. */
  readonly network: string
  /** Where the workspace is inside. */
  readonly workdir: string
  readonly readOnlyRoot: boolean
  /** Paths, each with mount options after a colon if need be. */
  readonly tmpfs: readonly string[]
  /** `uid` or `uid:gid`. Undefined: the owner of the workspace. */
  readonly user?: string
  readonly capDrop: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Run once in a new sandbox, with the configured network, before its first command. */
  readonly setupCommand?: string
  /** Processes. Undefined: our default; 0 or less: no limit. */
  readonly pidsLimit?: number
  /** Bytes, or as Docker writes it: `512m`, `2g`. Undefined: our default. */
  readonly memory?: string | number
  readonly memorySwap?: string | number
  readonly cpus?: number
  /** `all`, a count, or `device=ID,…`. */
  readonly gpus?: string
  readonly ulimits: Readonly<Record<string, string | number | { soft: number; hard: number }>>
  /** Absolute path on the host of a profile; `unconfined` is refused. */
  readonly seccompProfile?: string
  /** The name of a loaded profile; `unconfined` is refused. */
  readonly apparmorProfile?: string
  readonly dns: readonly string[]
  /** `name:address`. */
  readonly extraHosts: readonly string[]
  /** `source:target[:ro|rw]`. */
  readonly binds: readonly string[]
  readonly dangerouslyAllowReservedContainerTargets: boolean
  readonly dangerouslyAllowExternalBindSources: boolean
  readonly dangerouslyAllowContainerNamespaceJoin: boolean
  /** `os/architecture`, for images of another kind of machine. */
  readonly platform?: string
}

export const dockerDefaults: DockerSettings = {
  network: 'none',
  workdir: '/workspace',
  readOnlyRoot: true,
  tmpfs: ['/tmp', '/var/tmp', '/run'],
  capDrop: ['ALL'],
  env: { LANG: 'C.UTF-8' },
  ulimits: {},
  dns: [],
  extraHosts: [],
  binds: [],
  dangerouslyAllowReservedContainerTargets: false,
  dangerouslyAllowExternalBindSources: false,
  dangerouslyAllowContainerNamespaceJoin: false,
}
