/** OpenHands' environment, as sources of settings, from the weakest to the strongest. */
import { shown } from '../../errors.ts'
import { nearestWord } from '../nearest-word.ts'
import type { Layer, Values } from '../values.ts'
import { ignoredVariables, onByDefault } from './ignored.ts'
import { environmentName, isTrue, networkNames, variables } from './variables.ts'

/** What OpenHands' variables come to. */
export interface OpenHandsSettings {
  readonly layers: readonly Layer[]
  readonly warnings: readonly string[]
}

const perCommand = 'SANDBOX_ENV_'

/** `CONFIG_INVALID` for a value that cannot be what was meant. */
export function readOpenHands(env: NodeJS.ProcessEnv): OpenHandsSettings {
  const layers: Layer[] = []
  const warnings: string[] = []
  const add = (name: string, values: Values) =>
    layers.push({ values, sourceOf: () => ({ kind: 'environment', name }) })

  for (const { name, read } of variables) {
    const value = env[name]
    if (!value) continue
    if (env.SANDBOX_VOLUMES && name.startsWith('WORKSPACE_')) {
      warnings.push(`${name} has no effect: SANDBOX_VOLUMES is set`)
      continue
    }
    const values = read(value, env)
    if (values !== undefined) add(name, values)
  }
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(perCommand) || value === undefined) continue
    add(name, {
      docker: { env: { [environmentName(name, name.slice(perCommand.length))]: value } },
    })
  }
  return { layers, warnings: [...warnings, ...withoutEffect(env)] }
}

function withoutEffect(env: NodeJS.ProcessEnv): string[] {
  const warnings: string[] = []
  const warn = (name: string, why: string) => warnings.push(`${name} has no effect: ${why}`)
  const known = [...variables.map(({ name }) => name), ...Object.keys(ignoredVariables), ...helping]
  for (const [name, value = ''] of Object.entries(env)) {
    // What is switched off is as it would be without the variable.
    const isOff = ['false', '0'].includes(value.toLowerCase()) && !onByDefault.includes(name)
    if (value === '' || isOff) continue
    const why = Object.hasOwn(ignoredVariables, name) ? ignoredVariables[name] : undefined
    if (why !== undefined) warn(name, why)
    if (known.includes(name) || !/^SANDBOX_(?!MCP_|ENV_)/.test(name)) continue
    const near = nearestWord(name, known, 2)
    if (near !== undefined) warnings.push(`${name} is not read; did you mean ${near}?`)
  }
  const { RUNTIME: runtime = '' } = env
  // Others have a variable of that name too.
  const near = runtimes.includes(runtime) ? undefined : nearestWord(runtime, runtimes, 1)
  if (near !== undefined) warnings.push(`RUNTIME=${runtime} has no effect; did you mean ${near}?`)
  if (['local', 'cli', 'process'].includes(runtime)) {
    warn(`RUNTIME=${runtime}`, 'commands run on the host only where a file sets "mode" to "off"')
  }
  if (elsewhere.includes(runtime)) {
    warn(`RUNTIME=${runtime}`, 'there is no such backend')
  }
  if (isTrue(env.SANDBOX_USE_HOST_NETWORK ?? '')) {
    warn('SANDBOX_USE_HOST_NETWORK', 'the host’s network is closed to containers; see --network')
  }
  if (env.SANDBOX_KEEP_RUNTIME_ALIVE && !isTrue(env.SANDBOX_KEEP_RUNTIME_ALIVE)) {
    warn('SANDBOX_KEEP_RUNTIME_ALIVE', ignoredVariables.SANDBOX_CLOSE_DELAY ?? '')
  }
  if (env.SANDBOX_GROUP_ID && !env.SANDBOX_USER_ID) {
    warn('SANDBOX_GROUP_ID', 'SANDBOX_USER_ID is not set')
  }
  if (env.SANDBOX_CUDA_VISIBLE_DEVICES && !isTrue(env.SANDBOX_ENABLE_GPU ?? '')) {
    warn('SANDBOX_CUDA_VISIBLE_DEVICES', 'SANDBOX_ENABLE_GPU is not true')
  }
  const [network, ...others] = networkNames(env.SANDBOX_ADDITIONAL_NETWORKS || '[]')
  if (others.length > 0) {
    const names = others.map(shown).join(', ')
    warnings.push(
      `SANDBOX_ADDITIONAL_NETWORKS: ${names} ${others.length === 1 ? 'is' : 'are'} not joined: a sandbox has one network, ${shown(network ?? '')}`,
    )
  }
  const { WORKSPACE_BASE: base, WORKSPACE_MOUNT_PATH: mount } = env
  if (base && mount && base !== mount && !env.SANDBOX_VOLUMES) {
    warn('WORKSPACE_BASE', `WORKSPACE_MOUNT_PATH names another directory, ${shown(mount)}`)
  }
  return warnings
}

/** Backends of OpenHands that there are not here. */
const elsewhere = ['remote', 'modal', 'daytona', 'e2b', 'runloop', 'kubernetes']
const runtimes = ['docker', 'eventstream', 'local', 'cli', 'process', ...elsewhere]

/** Read together with others. */
const helping = ['SANDBOX_GROUP_ID', 'SANDBOX_CUDA_VISIBLE_DEVICES', 'SANDBOX_USE_HOST_NETWORK']
