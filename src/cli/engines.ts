/** The places where sandboxes of this installation may be. */
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { endpoints } from '../backends/docker/endpoint.ts'
import { dockerDefaults } from '../backends/docker/settings.ts'
import type { Backend, BackendKind } from '../sandbox.ts'
import { chooseBackend } from '../sessions/choose-backend.ts'
import type { Settings } from '../settings.ts'
import type { AgentSettings, Agents } from './agents.ts'

export interface Engine {
  readonly kind: BackendKind
  /** Tells it from others of its kind. */
  readonly title: string
  /** False for one that nobody named and that leaves no trace on this machine: it may never have been. */
  readonly isExpected: boolean
  /** `CONFIG_INVALID` for settings that it cannot be reached with. */
  connect(): Promise<Backend>
}

/**
 * Docker, bubblewrap and this machine itself always, ssh and OpenShell as often as agents have different ones. OpenShell is
 * also one where nobody set it up and its command is there.
 */
export function enginesOf(agents: Agents): readonly Engine[] {
  const { first, all } = agents
  const { docker: _, ...rest } = first.settings
  const known = new Map<string, Engine>()
  const add = (
    kind: BackendKind,
    title: string,
    identity: unknown,
    settings: Settings,
    isExpected = true,
  ) => {
    const key = JSON.stringify([kind, identity])
    if (!known.has(key))
      known.set(key, { kind, title, isExpected, connect: () => connect(kind, settings) })
  }
  // Which container is whose does not depend on how new ones would be made.
  const isNamed = all.some(({ settings }) => settings.backend === 'docker')
  const traces = endpoints().some(
    ({ isGiven, socketPath }) => isGiven || socketPath === undefined || existsSync(socketPath),
  )
  add('docker', 'docker', '', { ...rest, docker: dockerDefaults }, isNamed || traces)
  if (process.platform === 'linux') add('bubblewrap', 'bubblewrap', '', first.settings)
  add('host', 'this machine', '', first.settings)
  for (const { settings } of all) {
    const { ssh } = settings
    if (ssh !== undefined)
      add('ssh', `ssh ${ssh.target}`, [ssh.target, ssh.workspaceRoot], settings)
  }
  for (const agent of all) {
    if (!hasOpenShell(agent)) continue
    const { command, gateway, gatewayEndpoint, workspace } = agent.settings.openshell
    const place = gatewayEndpoint ?? gateway
    const title = place === undefined ? 'openshell' : `openshell ${place}`
    add('openshell', title, [command, place, workspace], agent.settings)
  }
  return [...known.values()]
}

/** The backend of that kind, whatever the settings would choose. `CONFIG_INVALID` as `chooseBackend`. */
export function connect(kind: BackendKind, settings: Settings): Promise<Backend> {
  const never = new AbortController().signal
  const chosen =
    kind === 'host'
      ? ({ ...settings, mode: 'off' } as const)
      : ({ ...settings, mode: 'all', backend: kind } as const)
  return chooseBackend(chosen, never)
}

/** Whether it is set up, or installed at least. */
export function hasOpenShell({ settings, origins }: AgentSettings): boolean {
  if (settings.backend === 'openshell') return true
  if (origins.get('openshell.enabled')?.value === false) return false
  const isSet = [...origins].some(
    ([key, { source }]) => key.startsWith('openshell.') && source.kind !== 'default',
  )
  return isSet || isOnPath(settings.openshell.command)
}

function isOnPath(command: string): boolean {
  const directories = (process.env.PATH ?? '').split(delimiter).filter((one) => one !== '')
  const places = command.includes('/') ? [command] : directories.map((one) => join(one, command))
  return places.some((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
