/** The gateways a user has registered: files below `$XDG_CONFIG_HOME/openshell`. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from './report.ts'

type Env = Readonly<Record<string, string | undefined>>

export interface Gateway {
  readonly name: string
  readonly endpoint: string
}

export interface Registration {
  readonly name: string
  readonly gateway_endpoint: string
  readonly is_remote: boolean
  readonly gateway_port: number
  readonly auth_mode: string
  readonly remote_host: string | null
}

const folder = (env: Env) =>
  join(env.XDG_CONFIG_HOME || join(env.HOME ?? '/', '.config'), 'openshell')

export function activeGateway(env: Env): string | undefined {
  return read(join(folder(env), 'active_gateway'))?.trim() || undefined
}

export function setActiveGateway(env: Env, name: string | undefined): void {
  const file = join(folder(env), 'active_gateway')
  if (name === undefined) rmSync(file, { force: true })
  else {
    mkdirSync(folder(env), { recursive: true })
    writeFileSync(file, name)
  }
}

export function registration(env: Env, name: string): Registration | undefined {
  const text = read(join(folder(env), 'gateways', name, 'metadata.json'))
  return text === undefined ? undefined : JSON.parse(text)
}

export function registrations(env: Env): Registration[] {
  let names: string[] = []
  try {
    names = readdirSync(join(folder(env), 'gateways')).sort()
  } catch {
    // none has been registered
  }
  return names.flatMap((name) => registration(env, name) ?? [])
}

export function register(env: Env, entry: Registration): void {
  const place = join(folder(env), 'gateways', entry.name)
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'metadata.json'), JSON.stringify(entry, undefined, 2))
}

export function unregister(env: Env, name: string): void {
  rmSync(join(folder(env), 'gateways', name), { recursive: true, force: true })
  if (activeGateway(env) === name) setActiveGateway(env, undefined)
}

/** The endpoint wins over the name, the name over the environment, that over the active gateway. */
export function resolveGateway(env: Env, name?: string, endpoint?: string): Gateway {
  if (endpoint !== undefined) {
    return { name: name ?? nameOf(env, endpoint) ?? endpoint, endpoint }
  }
  const wanted = name ?? activeGateway(env)
  if (wanted === undefined) {
    throw new Failure(
      'No active gateway.\nSet one with: openshell gateway select <name>\nOr register one with: openshell gateway add <endpoint>',
    )
  }
  const entry = registration(env, wanted)
  if (entry === undefined) {
    throw new Failure(
      `Unknown gateway '${wanted}'.\nRegister it first: openshell gateway add <endpoint> --name ${wanted}\nOr list available gateways: openshell gateway select`,
    )
  }
  return { name: entry.name, endpoint: entry.gateway_endpoint }
}

function nameOf(env: Env, endpoint: string): string | undefined {
  const plain = (url: string) => url.replace(/\/+$/, '')
  const all = registrations(env)
  const active = activeGateway(env)
  const sorted = [...all.filter((entry) => entry.name === active), ...all]
  return sorted.find((entry) => plain(entry.gateway_endpoint) === plain(endpoint))?.name
}

const lastUsedFile = (env: Env, gateway: string, workspace: string) =>
  join(folder(env), 'gateways', gateway.replaceAll(/[^\w.-]/g, '_'), `last_sandbox_${workspace}`)

export function lastSandbox(env: Env, gateway: string, workspace: string): string | undefined {
  return read(lastUsedFile(env, gateway, workspace)) || undefined
}

export function setLastSandbox(env: Env, gateway: string, workspace: string, name: string): void {
  const file = lastUsedFile(env, gateway, workspace)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, name)
}

export function forgetLastSandbox(
  env: Env,
  gateway: string,
  workspace: string,
  name: string,
): void {
  if (lastSandbox(env, gateway, workspace) !== name) return
  rmSync(lastUsedFile(env, gateway, workspace), { force: true })
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
