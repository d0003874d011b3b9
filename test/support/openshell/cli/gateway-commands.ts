/** `gateway add|list|remove|select`, `status`, `whoami`. */
import { atLeast } from '../protocol.ts'
import { type Context, note, say } from './context.ts'
import {
  activeGateway,
  type Registration,
  register,
  registration,
  registrations,
  setActiveGateway,
  unregister,
} from './gateways.ts'
import { bold, dimmed, Failure, green, heading, tick, yellow } from './report.ts'
import { Rpc } from './rpc.ts'
import { printStructured } from './sandbox-commands.ts'

export async function add(context: Context): Promise<void> {
  const [endpoint = ''] = context.list('ENDPOINT')
  const url = new URL(endpoint)
  const loopback = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)
  const name = context.text('name') ?? (loopback ? 'openshell' : url.hostname)
  if (registration(context.env, name) !== undefined) {
    throw new Failure(
      `Gateway '${name}' already exists.\nRemove it first with: openshell gateway remove ${name}\nOr choose a different name with: --name <name>`,
    )
  }
  if (!(await reachable(endpoint, context))) {
    note(`${bold(yellow('⚠'))} Gateway is not reachable at ${endpoint}`)
    note('  Verify the gateway is running and the endpoint is correct.')
  }
  register(context.env, {
    name,
    gateway_endpoint: endpoint,
    is_remote: !loopback,
    gateway_port: Number(url.port || 443),
    auth_mode: url.protocol === 'http:' ? 'plaintext' : 'mtls',
    remote_host: null,
  })
  setActiveGateway(context.env, name)
  note(`${tick} Gateway '${name}' added and set as active`)
  note(`  ${dimmed('Endpoint:')} ${endpoint}`)
  note(`  ${dimmed('Type:')} ${loopback ? 'local' : 'remote'}`)
  note(`  ${dimmed('Auth:')} plaintext`)
}

async function reachable(endpoint: string, { knobs }: Context): Promise<boolean> {
  try {
    await new Rpc({ name: '', endpoint }, knobs).call('Health', {})
    return true
  } catch {
    return false
  }
}

const typeOf = (entry: Registration) => (entry.is_remote ? 'cloud' : 'local')

export function list(context: Context): void {
  const active = context.text('gateway') ?? activeGateway(context.env)
  const all = registrations(context.env)
  if (context.output !== 'table') {
    const json = all.map((entry) => ({
      active: entry.name === active,
      auth: entry.auth_mode,
      endpoint: entry.gateway_endpoint,
      is_remote: entry.is_remote,
      name: entry.name,
      remote_host: null,
      resolved_host: null,
      source: 'user',
      type: typeOf(entry),
    }))
    printStructured(context, json)
    return
  }
  if (all.length === 0) {
    say('No gateways found.\n')
    say(`Register a gateway with: ${dimmed('openshell gateway add <endpoint>')}`)
    return
  }
  const rows = all.map((entry) => [
    entry.name,
    entry.gateway_endpoint,
    typeOf(entry),
    'user',
    entry.auth_mode,
  ])
  const titles = ['NAME', 'ENDPOINT', 'TYPE', 'SOURCE', 'AUTH']
  const widths = titles.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)),
  )
  const cells = (row: readonly string[]) =>
    row.map((text, at) => (at < 4 ? text.padEnd(widths[at] ?? 0) : text))
  say(`  ${cells(titles).map(bold).join('  ')}`)
  for (const row of rows) {
    const text = cells(row).join('  ')
    say(row[0] === active ? green(`* ${text}`) : `  ${text}`)
  }
}

export function remove(context: Context): void {
  const name = context.list('NAME')[0] ?? context.text('gateway') ?? activeGateway(context.env)
  if (name === undefined) {
    throw new Failure(
      'No active gateway.\nSpecify a gateway name: openshell gateway remove <name>\nOr list available gateways: openshell gateway select',
    )
  }
  if (registration(context.env, name) === undefined) {
    throw new Failure(
      `No gateway metadata found for '${name}'.\nList available gateways: openshell gateway select`,
    )
  }
  unregister(context.env, name)
  note(`${tick} Gateway registration '${name}' removed.`)
}

export function select(context: Context): void {
  const [name] = context.list('NAME')
  if (name === undefined) {
    list(context)
    return
  }
  if (registration(context.env, name) === undefined) {
    throw new Failure(
      `No gateway metadata found for '${name}'.\nRegister it first with: openshell gateway add <endpoint> --name ${name}\nOr list available gateways: openshell gateway select`,
    )
  }
  setActiveGateway(context.env, name)
  note(`${tick} Active gateway set to '${name}'`)
}

/** Exit code 0 for a gateway that answers, also when it refuses; one that cannot be reached is an error. */
export async function status(context: Context): Promise<void> {
  let rpc: Rpc
  try {
    rpc = context.rpc()
  } catch {
    if (printStructured(context, { status: 'not_configured' })) return
    say(`${heading('Gateway Status')}\n\n  ${dimmed('Status:')} No gateway configured.\n`)
    say(`Register a gateway with: ${dimmed('openshell gateway add <endpoint>')}`)
    return
  }
  const { name, endpoint } = rpc.gateway
  // Before 0.0.92 the first lines are printed before the gateway is asked.
  const early = !atLeast(context.knobs.version, '0.0.92')
  if (early) printServer(name, endpoint)
  let version: string
  try {
    version = (await rpc.callRaw<{ version: string }>('Health', {})).version
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure('client error (Connect)', error.causes.slice(1))
  }
  const refusal = await rpc.callRaw('GetGatewayInfo', {}).then(
    () => undefined,
    (error: Error) => error.message,
  )
  const authentication =
    refusal === undefined
      ? { mode: 'gateway', status: 'not_required' }
      : { error: refusal, status: 'failed' }
  const json = { authentication, gateway: name, server: endpoint, status: 'connected', version }
  if (printStructured(context, json)) return
  if (!early) printServer(name, endpoint)
  say(`  ${dimmed('Status:')} ${green('Connected')}`)
  say(`  ${dimmed('Authentication:')} ${refusal === undefined ? 'Not required' : 'Failed'}`)
  say(`  ${dimmed('Version:')} ${version}`)
}

function printServer(name: string, endpoint: string): void {
  say(`${heading('Server Status')}\n`)
  say(`  ${dimmed('Gateway:')} ${name}`)
  say(`  ${dimmed('Server:')} ${endpoint}`)
}

export async function whoami(context: Context): Promise<void> {
  const identity = await context.rpc().call<Record<string, string[]>>('GetCurrentUser', {})
  if (printStructured(context, identity)) return
  say(`${heading('Current User')}\n`)
  say(`  ${dimmed('Subject:')} ${identity.subject}`)
  say(`  ${dimmed('Provider:')} ${identity.identity_provider}`)
  say(`  ${dimmed('Roles:')} ${identity.roles?.join(', ')}`)
  say(`  ${dimmed('Scopes:')} ${identity.scopes?.join(', ')}`)
}
