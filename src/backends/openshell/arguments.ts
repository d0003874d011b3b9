/** The argument lists of the OpenShell command, as its releases take them. Pure. */
import { backendUnavailable, shown } from '../../errors.ts'
import type { Features } from './features.ts'
import type { OpenShellSettings } from './settings.ts'

/** Which gateway every call goes to. */
export interface GatewayAddress {
  /** As it is registered with the command, or any name for one that is not. */
  readonly name?: string
  /** Its URL, where that was given. */
  readonly endpoint?: string
}

/** What is the same in every call. */
export interface CallScope {
  readonly gateway: GatewayAddress
  readonly workspace: string | undefined
}

/** One call: the words of the subcommand, which name it in errors, and what follows them. */
export interface Call {
  readonly command: string
  readonly options: readonly string[]
}

/** How many sandboxes a page of `list` holds: the most that gateways give. */
export const pageSize = 1000

/** The whole argument list. */
export function argumentsOf(
  { gateway, workspace }: CallScope,
  call: Call,
  features: Features,
): string[] {
  return [
    ...flag('--gateway', gateway.name),
    ...flag('--gateway-endpoint', gateway.endpoint),
    ...workspaceFlag(workspace, features),
    ...call.command.split(' '),
    ...call.options,
  ]
}

/**
 * Returns once the sandbox is ready on every release, attaches to nothing, and leaves no command whose
 * end would end the sandbox.
 */
export function createCall(
  settings: OpenShellSettings,
  name: string,
  labels: Readonly<Record<string, string>>,
  features: Features,
): Call {
  const { from, policy, gpu, autoProviders, providers } = settings
  const [providersFlag, isKnown] = autoProviders
    ? ['--auto-providers', features.has('autoProviders')]
    : ['--no-auto-providers', features.has('noAutoProviders')]
  return {
    command: 'sandbox create',
    options: [
      ...['--name', name],
      ...flag('--from', from),
      ...flag('--policy', policy),
      // Takes an optional count, so another flag follows.
      ...(gpu ? ['--gpu'] : []),
      ...providers.flatMap((provider) => ['--provider', provider]),
      ...Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
      ...(isKnown ? [providersFlag] : []),
      // bash on a terminal ignores TERM, which makes stopping and deleting slow.
      ...(features.has('noTty') ? ['--no-tty'] : []),
      ...creationEnd(features),
    ],
  }
}

function creationEnd(features: Features): string[] {
  if (features.has('createJson')) return ['--output', 'json']
  if (features.has('detach')) return ['--detach', '--', 'sleep', 'infinity']
  // Without a command these releases open a shell.
  return ['--', 'true']
}

/** Only where `getJson` is known. */
export const getCall = (name: string): Call => ({
  command: 'sandbox get',
  options: [name, '--output', 'json'],
})

/** A page of sandboxes that have the label, or of all. */
export function listCall(offset: number, label?: readonly [string, string]): Call {
  const options = ['--limit', String(pageSize), '--offset', String(offset), '--output', 'json']
  return { command: 'sandbox list', options: [...options, ...flag('--selector', label?.join('='))] }
}

export const deleteCall = (name: string): Call => ({ command: 'sandbox delete', options: [name] })

export const startCall = (name: string): Call => ({ command: 'sandbox start', options: [name] })

/** Only where `statusJson` is known. */
export const statusCall: Call = { command: 'status', options: ['--output', 'json'] }

export const gatewaysCall: Call = { command: 'gateway list', options: ['--output', 'json'] }

export const sshConfigCall = (name: string): Call => ({
  command: 'sandbox ssh-config',
  options: [name],
})

/**
 * The whole list for the process whose stdio is the SSH connection. Here `--gateway` is the URL of
 * another mode, so the gateway is named by `--gateway-name` only.
 */
export function proxyArguments(
  { gateway, workspace }: CallScope,
  name: string,
  features: Features,
): string[] {
  return [
    'ssh-proxy',
    ...flag('--gateway-name', gateway.name ?? gateway.endpoint),
    ...['--name', name],
    ...workspaceFlag(workspace, features),
    ...flag('--server', gateway.endpoint),
  ]
}

function workspaceFlag(workspace: string | undefined, features: Features): string[] {
  if (features.has('workspaces')) return flag('--workspace', workspace)
  // What there is without workspaces is what they call so.
  if (workspace === undefined || workspace === 'default') return []
  throw backendUnavailable(
    `this release of OpenShell has no workspaces, so ${shown(workspace)} cannot be used`,
    'Update OpenShell to 0.0.88 or later, or leave plugins.entries.openshell.config.workspace out.',
  )
}

function flag(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [name, value]
}
