/** Our own environment variables. */
import { flagNames, identifier } from './flags.ts'
import { nearestWord } from './nearest-word.ts'
import type { Layer } from './values.ts'

/** What variables set, and what of them is not read. */
export interface EnvironmentLayer {
  readonly layer: Layer
  readonly warnings: readonly string[]
}

const prefix = 'SANDBOX_MCP_'
const agent = `${prefix}AGENT`

/** `CONFIG_INVALID` for an agent's id that is none. */
export function ownVariables(env: NodeJS.ProcessEnv): EnvironmentLayer {
  const others = Object.keys(env).filter((name) => name.startsWith(prefix) && name !== agent)
  return {
    layer: {
      values: env[agent] ? { agent: identifier(agent, env[agent]) } : {},
      sourceOf: () => ({ kind: 'environment', name: agent }),
    },
    warnings: others.flatMap((name) => {
      const flag = name.slice(prefix.length).toLowerCase().replaceAll('_', '-')
      if (flagNames.includes(flag)) return [`${name} is not read; use --${flag}`]
      return nearestWord(name, [agent], 2) ? [`${name} is not read; did you mean ${agent}?`] : []
    }),
  }
}
