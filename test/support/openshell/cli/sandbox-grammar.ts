/** The commands and flags below `openshell sandbox`, with the tag that brought each. */
import { type Command, type Option, outputOption as output, type Positional } from './command.ts'

const tty: readonly Option[] = [
  { long: 'tty', overrides: 'no-tty' },
  { long: 'no-tty', overrides: 'tty' },
]
const env: Option = { long: 'env', value: 'KEY=VALUE', repeat: true, since: '0.0.59' }
const name: Positional = { name: 'NAME' }

const create: Command = {
  name: 'create',
  about: 'Create a sandbox',
  options: [
    { long: 'name', value: 'NAME' },
    { long: 'from', value: 'FROM' },
    { long: 'upload', value: 'UPLOAD', repeat: true, until: '0.0.111' },
    {
      long: 'upload',
      value: 'UPLOAD',
      repeat: true,
      since: '0.0.111',
      conflicts: ['COMMAND'],
    },
    { long: 'no-git-ignore', requires: 'upload' },
    { long: 'keep', hidden: true, conflicts: ['no-keep'] },
    { long: 'no-keep', conflicts: ['keep', 'editor', 'forward'] },
    { long: 'editor', value: 'EDITOR', possible: ['vscode', 'cursor'], conflicts: ['no-keep'] },
    { long: 'gpu', value: 'COUNT', optionalValue: true },
    { long: 'cpu', value: 'CPU', since: '0.0.41' },
    { long: 'memory', value: 'MEMORY', since: '0.0.41' },
    { long: 'driver-config-json', value: 'JSON', since: '0.0.58' },
    { long: 'provider', value: 'PROVIDERS', repeat: true },
    { long: 'policy', value: 'POLICY' },
    { long: 'forward', value: 'FORWARD', conflicts: ['no-keep'] },
    ...tty,
    { long: 'detach', since: '0.0.111', conflicts: ['editor', 'no-keep'] },
    { long: 'auto-providers', overrides: 'no-auto-providers' },
    { long: 'no-auto-providers', overrides: 'auto-providers' },
    { long: 'label', value: 'LABELS', repeat: true, since: '0.0.37' },
    env,
    { long: 'no-credential-warnings', since: '0.0.104' },
    {
      long: 'approval-mode',
      value: 'APPROVAL_MODE',
      possible: ['manual', 'auto'],
      since: '0.0.53',
    },
    output('0.0.92', ['editor', 'COMMAND', 'no-keep', 'forward']),
  ],
  positionals: [{ name: 'COMMAND', repeat: true, last: true }],
}

export const sandbox: Command = {
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
        env,
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
