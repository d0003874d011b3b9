/**
 * The settings of a server: flags, then environment, then the file, then defaults. Pure but for
 * `readFile`. The schema of the file is loaded only when there is a file or a `--set`.
 */
import { homedir } from 'node:os'
import type { Settings } from '../settings.ts'
import type { AgentLayers } from './document.ts'
import { ownVariables } from './environment.ts'
import { findFile, type ReadFile } from './find-file.ts'
import { readFlags } from './flags.ts'
import { merge } from './merge.ts'
import { settingsFrom } from './settings-from.ts'
import { type Sourced, sourceText } from './source.ts'
import { defaults, type Layer, type Values } from './values.ts'
import { withoutEffect } from './without-effect.ts'

export interface Resolved {
  readonly settings: Settings
  /** By key, such as `docker.image`: where each value comes from, and what lost against it. */
  readonly origins: ReadonlyMap<string, Sourced>
  /** What has no effect, in words for a person. */
  readonly warnings: readonly string[]
  /** Absolute paths. */
  readonly filesRead: readonly string[]
}

/** `CONFIG_INVALID` for everything that a person has to correct. */
export async function resolveSettings(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  readFile: ReadFile,
): Promise<Resolved> {
  const home = env.HOME || homedir()
  const flags = readFlags(argv)
  const own = ownVariables(env)
  // Loaded when there is a variable that may be meant, so that a start waits for it only then.
  const openHands = Object.keys(env).some((name) => openHandsName.test(name))
    ? (await import('./openhands/read.ts')).readOpenHands(env)
    : { layers: [], warnings: [] }
  const found = findFile(flags.config, env, home, readFile)
  const written =
    found === undefined && flags.set.length === 0
      ? undefined
      : (await import('./written.ts')).readWritten(
          found,
          flags.set,
          flags.layer.values.agent ?? own.layer.values.agent,
          env,
        )
  const [file, set] = [layersOf(written?.file), layersOf(written?.set)]
  const layers = [
    { values: defaults, sourceOf: () => ({ kind: 'default', name: 'default' }) as const },
    // The one value for which a file comes before the environment.
    ...openHands.layers.map((layer) => only('workspace', layer)),
    ...(written?.agent === undefined ? [] : [written.agent]),
    ...file,
    ...openHands.layers.map((layer) => without('workspace', layer)),
    own.layer,
    ...set,
    flags.layer,
  ]
  const { layers: counted, warnings: shared } = withoutAgentsOwn(layers)
  const merged = merge(counted)
  const settings = settingsFrom(merged, home)
  return {
    settings,
    origins: merged.origins,
    warnings: [
      ...(written?.warnings ?? []),
      ...shared,
      ...own.warnings,
      ...openHands.warnings,
      ...withoutEffect(merged, settings),
    ],
    filesRead: found === undefined ? [] : [found.path],
  }
}

const openHandsName =
  /^(SANDBOX_(?!MCP_)|WORKSPACE_|RUNTIME|RUN_AS_|NO_CHANGE_|INIT_PLUGIN_|OH_RUNTIME_|DOCKER_HOST_ADDR)/

const layersOf = (layers: AgentLayers | undefined): Layer[] =>
  layers === undefined ? [] : [layers.forAll, layers.forAgent]

function only(key: keyof Values, layer: Layer): Layer {
  const value = layer.values[key]
  return { ...layer, values: value === undefined ? {} : { [key]: value } }
}

function without(key: keyof Values, layer: Layer): Layer {
  const { [key]: _, ...values } = layer.values
  return { ...layer, values }
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
