/** The commands and flags of `openshell`, with the tag that brought each, as clap knows them. */
import { type Command, outputOption as output, type Positional } from './command.ts'
import { sandbox } from './sandbox-grammar.ts'

const name: Positional = { name: 'NAME' }

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
