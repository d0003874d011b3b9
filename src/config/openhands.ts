/** OpenHands' environment variables, as settings of ours. */
import type { EnvironmentLayer } from './environment.ts'

export function openHandsVariables(env: NodeJS.ProcessEnv): EnvironmentLayer {
  return {
    layer: {
      values: env.WORKSPACE_BASE ? { workspace: env.WORKSPACE_BASE } : {},
      sourceOf: () => ({ kind: 'environment', name: 'WORKSPACE_BASE' }),
    },
    warnings: [],
  }
}
