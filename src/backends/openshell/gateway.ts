/** Which gateway is used, and by which name the SSH proxy of OpenShell knows it. */
import { backendUnavailable } from '../../errors.ts'
import { type Call, type GatewayAddress, gatewaysCall, sshConfigCall } from './arguments.ts'
import type { Answer } from './command.ts'
import type { OpenShellSettings } from './settings.ts'

/** The variables with which OpenShell is told the same. */
const nameVariable = 'OPENSHELL_GATEWAY'
const endpointVariable = 'OPENSHELL_GATEWAY_ENDPOINT'

/**
 * The environment of the command: `given`, without the choice of a gateway, which every call says in
 * arguments, and with the time that creating a sandbox may take.
 */
export function environmentFor(
  { timeoutSeconds }: OpenShellSettings,
  given: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const { [nameVariable]: _name, [endpointVariable]: _endpoint, ...rest } = given
  // It can say what the sandbox lacks, so its own deadline comes first.
  return { OPENSHELL_PROVISION_TIMEOUT: String(createSeconds(timeoutSeconds) - 10), ...rest }
}

/** How long creating a sandbox may take; OpenShell's own default is 300 s. */
export const createSeconds = (timeoutSeconds: number) => Math.max(timeoutSeconds, 300)

/**
 * The gateway of the settings, else of the environment, else the active one. `ask` runs calls that no
 * gateway is contacted for.
 */
export async function findGateway(
  settings: OpenShellSettings,
  environment: NodeJS.ProcessEnv,
  ask: (call: Call) => Promise<Answer>,
): Promise<GatewayAddress> {
  const isSet = settings.gateway !== undefined || settings.gatewayEndpoint !== undefined
  const name = isSet ? settings.gateway : environment[nameVariable]?.trim() || undefined
  const endpoint = isSet ? settings.gatewayEndpoint : environment[endpointVariable] || undefined
  if (name !== undefined) return endpoint === undefined ? { name } : { name, endpoint }
  const listed = await ask(gatewaysCall)
  const gateways = listed.ok ? gatewaysOf(listed.stdout) : []
  if (endpoint !== undefined) {
    const known = gateways.find((gateway) => isSame(gateway.endpoint, endpoint))
    return known === undefined ? { endpoint } : { name: known.name, endpoint }
  }
  const active = gateways.find((gateway) => gateway.active)
  if (active !== undefined) return { name: active.name }
  return nameFromSshConfig(await ask(sshConfigCall('sandbox')))
}

interface RegisteredGateway {
  readonly name: string
  readonly endpoint: string
  readonly active: boolean
}

function gatewaysOf(json: string): RegisteredGateway[] {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return []
  }
  if (!Array.isArray(value)) return []
  return value.flatMap((one) => {
    const { name, endpoint = '', active = false } = (one ?? {}) as Partial<RegisteredGateway>
    return typeof name === 'string'
      ? [{ name, endpoint: `${endpoint}`, active: active === true }]
      : []
  })
}

/** OpenShell itself says which one it would use, in what it prints for ssh_config(5). */
function nameFromSshConfig(answer: Answer): GatewayAddress {
  if (!answer.ok) throw answer.failure.error
  const word = /ProxyCommand .*--gateway-name (?:'([^']+)'|([^\s']+))/.exec(answer.stdout)
  const name = word?.[1] ?? word?.[2]
  if (name !== undefined) return { name }
  throw backendUnavailable(
    'OpenShell does not say which gateway is active',
    'Set plugins.entries.openshell.config.gateway.',
  )
}

const isSame = (one: string, other: string) => one.replace(/\/$/, '') === other.replace(/\/$/, '')
