/** What a person can set about OpenShell: OpenClaw's `plugins.entries.openshell.config`, key by key. */

export interface OpenShellSettings {
  /** `mirror`: the host's files are canonical, and kept in step. `remote`: the sandbox's are, once seeded. */
  readonly mode: 'mirror' | 'remote'
  /** The OpenShell command: a name on PATH or a path. */
  readonly command: string
  /** What sandboxes are made from: a community name, an image, or a Dockerfile. Undefined: the gateway's default. */
  readonly from?: string
  /** A gateway that is registered with the command. Undefined: its active one. */
  readonly gateway?: string
  /** The URL of a gateway, which wins over `gateway`. */
  readonly gatewayEndpoint?: string
  /** OpenShell's own control-plane workspace. */
  readonly workspace?: string
  /** Absolute path on the host of a policy file. */
  readonly policy?: string
  /** Names of providers, each once. */
  readonly providers: readonly string[]
  readonly gpu: boolean
  readonly autoProviders: boolean
  /** `/sandbox` or `/agent`, or below one of them. */
  readonly remoteWorkspaceDir: string
  readonly remoteAgentWorkspaceDir: string
  /** For one call of the command; creating may take longer. */
  readonly timeoutSeconds: number
}

/** OpenClaw's defaults, but for `from`: its image is OpenClaw's own. */
export const openShellDefaults: OpenShellSettings = {
  mode: 'mirror',
  command: 'openshell',
  providers: [],
  gpu: false,
  autoProviders: true,
  remoteWorkspaceDir: '/sandbox',
  remoteAgentWorkspaceDir: '/agent',
  timeoutSeconds: 120,
}
