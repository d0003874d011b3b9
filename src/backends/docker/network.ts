/** Which network a sandbox joins, and the names it knows there. Pure. */
import { isIP } from 'node:net'
import type { ContainerOptions } from './engine.ts'
import { refusal } from './refusal.ts'
import type { DockerSettings } from './settings.ts'

type HostConfig = NonNullable<ContainerOptions['HostConfig']>

/** `CONFIG_INVALID` for the host's network, another container's unless that is allowed, and what is none. */
export function network(settings: DockerSettings): HostConfig {
  const { network: mode, dns, extraHosts } = settings
  const joined = joinedContainer(mode)
  if (joined === undefined) checkMode(mode)
  else if (!settings.dangerouslyAllowContainerNamespaceJoin) {
    throw refusal(
      'network',
      mode,
      "is refused: it would share another container's network",
      'Use none, bridge or the name of a network, or set docker.dangerouslyAllowContainerNamespaceJoin.',
    )
  }
  for (const address of dns) {
    if (isIP(address) !== 0) continue
    throw refusal('dns', address, 'is not an IP address', 'Write 1.1.1.1, say.')
  }
  for (const entry of extraHosts) checkHost(entry)
  if (joined !== undefined && dns.length + extraHosts.length > 0) {
    throw refusal(
      'network',
      mode,
      "leaves no names of one's own",
      "Take docker.dns and docker.extraHosts out: the other container's hold.",
    )
  }
  return {
    NetworkMode: mode,
    ...(dns.length > 0 ? { Dns: [...dns] } : {}),
    ...(extraHosts.length > 0 ? { ExtraHosts: [...extraHosts] } : {}),
  }
}

/** The container whose network is shared, if one is. */
export function joinedContainer(mode: string): string | undefined {
  return /^container:([a-zA-Z0-9][a-zA-Z0-9_.-]*)$/.exec(mode)?.[1]
}

/** True for a network that somebody made: the engine knows of which kind it is. */
export function isNamedNetwork(mode: string): boolean {
  return !['none', 'bridge', 'default'].includes(mode) && joinedContainer(mode) === undefined
}

/** The host's network, under whatever name. */
export function hostNetworkRefusal(mode: string) {
  return refusal(
    'network',
    mode,
    "is refused: it is the host's own network, with all that listens there",
    'Use none, bridge or the name of a network.',
  )
}

function checkMode(mode: string): void {
  if (mode.trim().toLowerCase() === 'host') throw hostNetworkRefusal(mode)
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(mode)) return
  throw refusal('network', mode, 'is not a network', 'Use none, bridge or the name of a network.')
}

function checkHost(entry: string): void {
  // "name:address", where an address may hold colons and stand in brackets, as Docker reads it.
  const [, name, address = ''] = /^([^:=\s]+)[:=](.+)$/.exec(entry) ?? []
  const bare = address.replace(/^\[(.*)\]$/, '$1')
  if (name !== undefined && (bare === 'host-gateway' || isIP(bare) !== 0)) return
  throw refusal('extraHosts', entry, 'is not "name:address"', 'Write "db.internal:10.0.0.5", say.')
}
