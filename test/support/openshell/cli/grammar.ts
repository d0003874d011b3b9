/** The commands and flags of `openshell`, with the tag that brought each, as clap knows them. */

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

const output = (since: string, conflicts: readonly string[] = []): Option => ({
  long: 'output',
  short: 'o',
  value: 'OUTPUT',
  possible: ['table', 'yaml', 'json'],
  since,
  conflicts,
})
const tty: readonly Option[] = [
  { long: 'tty', overrides: 'no-tty' },
  { long: 'no-tty', overrides: 'tty' },
]
const env = (since: string): Option => ({ long: 'env', value: 'KEY=VALUE', repeat: true, since })
const name: Positional = { name: 'NAME' }

const create: Command = {
  name: 'create',
  about: 'Create a sandbox',
  options: [
    { long: 'name', value: 'NAME' },
    { long: 'from', value: 'FROM' },
    { long: 'upload', value: 'UPLOAD', repeat: true },
    { long: 'no-git-ignore', requires: 'upload' },
    { long: 'keep', hidden: true, conflicts: ['no-keep'] },
    { long: 'no-keep', conflicts: ['keep', 'editor', 'forward'] },
    { long: 'editor', value: 'EDITOR', possible: ['vscode', 'cursor'], conflicts: ['no-keep'] },
    { long: 'gpu', value: 'COUNT', optionalValue: true },
    { long: 'cpu', value: 'CPU', since: '0.0.58' },
    { long: 'memory', value: 'MEMORY', since: '0.0.58' },
    { long: 'driver-config-json', value: 'JSON', since: '0.0.58' },
    { long: 'provider', value: 'PROVIDERS', repeat: true },
    { long: 'policy', value: 'POLICY' },
    { long: 'forward', value: 'FORWARD', conflicts: ['no-keep'] },
    ...tty,
    { long: 'detach', since: '0.0.111', conflicts: ['editor', 'no-keep'] },
    { long: 'auto-providers', overrides: 'no-auto-providers' },
    { long: 'no-auto-providers', overrides: 'auto-providers' },
    { long: 'label', value: 'LABELS', repeat: true, since: '0.0.37' },
    env('0.0.59'),
    { long: 'no-credential-warnings', since: '0.0.92' },
    {
      long: 'approval-mode',
      value: 'APPROVAL_MODE',
      possible: ['manual', 'auto'],
      since: '0.0.58',
    },
    output('0.0.92', ['editor', 'COMMAND', 'no-keep', 'forward']),
  ],
  positionals: [{ name: 'COMMAND', repeat: true, last: true }],
}

const sandbox: Command = {
  name: 'sandbox',
  alias: 'sb',
  about: 'Manage sandboxes',
  commands: [
    create,
    {
      name: 'get',
      about: 'Fetch a sandbox by name',
      options: [{ long: 'policy-only', conflicts: ['output'] }, output('0.0.92')],
      positionals: [name],
    },
    {
      name: 'list',
      about: 'List sandboxes',
      options: [
        { long: 'limit', value: 'LIMIT', number: true },
        { long: 'offset', value: 'OFFSET', number: true },
        { long: 'ids', conflicts: ['names', 'output'] },
        { long: 'names', conflicts: ['ids', 'output'] },
        { long: 'selector', value: 'SELECTOR', since: '0.0.37' },
        output('0.0.44', ['ids', 'names']),
        { long: 'all-workspaces', since: '0.0.88' },
      ],
    },
    {
      name: 'delete',
      about: 'Delete a sandbox by name',
      options: [{ long: 'all', conflicts: ['NAME'] }],
      positionals: [{ name: 'NAME', repeat: true, required: true, unlessPresent: 'all' }],
    },
    {
      name: 'stop',
      about: 'Stop a sandbox while preserving its workspace',
      since: '0.0.105',
      positionals: [name],
    },
    { name: 'start', about: 'Start a stopped sandbox', since: '0.0.105', positionals: [name] },
    {
      name: 'exec',
      about: 'Execute a command in a running sandbox',
      options: [
        { long: 'name', short: 'n', value: 'NAME' },
        { long: 'workdir', value: 'WORKDIR' },
        { long: 'timeout', value: 'TIMEOUT', number: true },
        ...tty,
        env('0.0.92'),
        { long: 'no-login-shell', since: '0.1.0' },
      ],
      positionals: [{ name: 'COMMAND', repeat: true, required: true, trailing: true }],
    },
    {
      name: 'connect',
      about: 'Connect to a sandbox',
      options: [{ long: 'editor', value: 'EDITOR', possible: ['vscode', 'cursor'] }],
      positionals: [name],
    },
    {
      name: 'upload',
      about: 'Upload local files to a sandbox',
      options: [{ long: 'no-git-ignore' }],
      positionals: [
        { name: 'NAME', required: true },
        { name: 'LOCAL_PATH', required: true },
        { name: 'DEST' },
      ],
    },
    {
      name: 'download',
      about: 'Download files from a sandbox',
      positionals: [
        { name: 'NAME', required: true },
        { name: 'SANDBOX_PATH', required: true },
        { name: 'DEST' },
      ],
    },
    {
      name: 'ssh-config',
      about: 'Print an SSH config entry for a sandbox',
      positionals: [name],
    },
  ],
}

const gateway: Command = {
  name: 'gateway',
  alias: 'gw',
  about: 'Manage gateways',
  commands: [
    {
      name: 'add',
      about: 'Add an existing gateway',
      options: [
        { long: 'name', value: 'NAME' },
        { long: 'remote', value: 'REMOTE', conflicts: ['local'] },
        { long: 'local', conflicts: ['remote'] },
      ],
      positionals: [{ name: 'ENDPOINT', required: true }],
    },
    { name: 'remove', about: 'Remove a local gateway registration', positionals: [name] },
    { name: 'select', about: 'Select the active gateway', positionals: [name] },
    { name: 'list', about: 'List registered gateways', options: [output('0.0.47')] },
  ],
}

const workspace: Command = {
  name: 'workspace',
  alias: 'ws',
  about: 'Manage workspaces',
  since: '0.0.88',
  commands: [
    {
      name: 'create',
      about: 'Create a workspace',
      options: [
        { long: 'name', value: 'NAME', required: true },
        { long: 'label', value: 'KEY=VALUE', repeat: true },
      ],
    },
    {
      name: 'get',
      about: 'Fetch a workspace by name',
      positionals: [{ name: 'NAME', required: true }],
    },
    {
      name: 'list',
      about: 'List workspaces',
      options: [
        { long: 'limit', value: 'LIMIT', number: true },
        { long: 'offset', value: 'OFFSET', number: true },
        { long: 'label-selector', value: 'LABEL_SELECTOR' },
        output('0.0.88'),
      ],
    },
    {
      name: 'delete',
      about: 'Delete a workspace',
      positionals: [{ name: 'NAMES', required: true, repeat: true }],
    },
  ],
}

export const root: Command = {
  name: 'openshell',
  about: 'OpenShell CLI tool',
  commands: [
    sandbox,
    gateway,
    workspace,
    { name: 'status', about: 'Show gateway status and information', options: [output('0.0.92')] },
    {
      name: 'whoami',
      about: 'Show the authenticated user identity',
      since: '0.0.95',
      options: [output('0.0.95')],
    },
    {
      name: 'ssh-proxy',
      about: 'SSH proxy (used by ProxyCommand)',
      options: [
        // Shadows the global flag: here it is the URL of token mode.
        { long: 'gateway', short: 'g', value: 'GATEWAY' },
        { long: 'sandbox-id', value: 'SANDBOX_ID' },
        { long: 'token', value: 'TOKEN' },
        { long: 'server', value: 'SERVER' },
        { long: 'gateway-name', value: 'GATEWAY_NAME' },
        { long: 'name', value: 'NAME' },
      ],
    },
  ],
}
