/** One agent's settings from all that was given, on top of the defaults. */
import type { Settings } from '../settings.ts'
import { merge } from './merge.ts'
import { settingsFrom } from './settings-from.ts'
import { type Sourced, sourceText } from './source.ts'
import { defaults, type Layer } from './values.ts'
import { withoutEffect } from './without-effect.ts'

/** What a server is to do, and how it came to that. */
export interface Combined {
  readonly settings: Settings
  readonly origins: ReadonlyMap<string, Sourced>
  readonly warnings: readonly string[]
}

const base: Layer = {
  values: defaults,
  sourceOf: () => ({ kind: 'default', name: 'default' }),
}

/** `layers` from the weakest to the strongest. Whether they can be used is judged by `judge.ts`. */
export function combine(layers: readonly Layer[], home: string): Combined {
  const { layers: counted, warnings } = withoutAgentsOwn([base, ...layers])
  const merged = merge(counted)
  const settings = settingsFrom(merged, home)
  return {
    settings,
    origins: merged.origins,
    warnings: [...warnings, ...withoutEffect(merged, settings)],
  }
}

/** In scope `shared` an agent's own docker, ssh and prune are not heeded, as in OpenClaw. */
function withoutAgentsOwn(layers: readonly Layer[]): { layers: Layer[]; warnings: string[] } {
  const isShared = merge(layers).values.scope === 'shared'
  const warnings: string[] = []
  return {
    layers: layers.map((layer) => {
      if (!isShared || !layer.isAgents) return layer
      const { docker, ssh, prune, ...values } = layer.values
      for (const [name, value] of Object.entries({ docker, ssh, prune })) {
        if (value === undefined) continue
        warnings.push(`${sourceText(layer.sourceOf(name))} is not heeded: the scope is shared`)
      }
      return { ...layer, values }
    }),
    warnings,
  }
}
