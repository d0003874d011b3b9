/** What a person wrote in OpenClaw's shape, in a file or with `--set`, as layers for one agent. */

import type { Path } from './problem.ts'
import type { AgentPart, ConfigFile } from './schema/file.ts'
import type { Source } from './source.ts'
import { type Layer, partsOf, type Values } from './values.ts'

/** A checked file or `--set`, and where each part of it stands. */
export interface Written {
  readonly config: ConfigFile
  source(path: Path): Source
}

/** What holds for all agents, and what for this one. */
export interface AgentLayers {
  readonly forAll: Layer
  readonly forAgent: Layer
}

/** The agent that is meant where none is named. */
export function defaultAgent({ config }: Written): { id: string; path: Path } | undefined {
  const found = agentsOf(config).find(({ part }) => part.default === true)
  return found === undefined ? undefined : { id: found.id, path: [...found.path, 'default'] }
}

/** The agents that the file names. */
export function agentIds({ config }: Written): string[] {
  return [...new Set(agentsOf(config).map(({ id }) => id))]
}

/** For an agent that is not named in it, only what holds for all. */
export function layersFor({ config, source }: Written, agent: string): AgentLayers {
  const openshell = config.plugins?.entries?.openshell
  const forAll = {
    ...partValues(config.agents?.defaults ?? {}),
    ...toolValues(config.tools),
    ...(openshell === undefined
      ? {}
      : { openshell: { ...openshell.config, enabled: openshell.enabled } }),
  } as Values
  const own = agentsOf(config).find(({ id }) => id === agent)
  const all = config.agents?.defaults?.sandbox
  const forAgent = {
    ...partValues(own?.part ?? {}, all?.scope !== undefined),
    ...toolValues(own?.part.tools),
  } as Values
  const at = (prefix: Path, sandbox: AgentPart['sandbox']) => (key: string) =>
    source(pathOf(partsOf(isOldScope(key, sandbox) ? 'perSession' : key), prefix))
  return {
    forAll: {
      values: forAll,
      sourceOf: at(['agents', 'defaults'], all),
      replacesEnvironment: forAll.docker?.env !== undefined,
    },
    forAgent: {
      values: forAgent,
      sourceOf: at(own?.path ?? [], own?.part.sandbox),
      isAgents: true,
    },
  }
}

/** Agents that stand in the file more than once, of which it cannot be told what holds. */
export function agentsTwice(config: ConfigFile): { id: string; path: Path }[] {
  const agents = agentsOf(config)
  return agents.filter(({ id }, at) => agents.findIndex((other) => other.id === id) < at)
}

function agentsOf({ agents }: ConfigFile): { id: string; part: AgentPart; path: Path }[] {
  const entries = Object.entries(agents?.entries ?? {}).map(([id, part]) => ({
    id,
    part,
    path: ['agents', 'entries', id],
  }))
  const list = (agents?.list ?? []).map((part, at) => ({
    id: part.id,
    part,
    path: ['agents', 'list', at],
  }))
  return [...entries, ...list]
}

/** Where the scope is written as `perSession`. */
function isOldScope(key: string, sandbox: AgentPart['sandbox']): boolean {
  return key === 'scope' && sandbox?.scope === undefined && sandbox?.perSession !== undefined
}

/** Keys keep their names, but for what has no effect. `perSession` has none where a scope is given. */
function partValues(
  { workspace, sandbox }: Pick<AgentPart, 'workspace' | 'sandbox'>,
  isScopeGiven = false,
): object {
  const { perSession, browser, environment, sessionToolsVisibility, ...rest } = sandbox ?? {}
  const { containerPrefix, ...docker } = rest.docker ?? {}
  const { command, updateHostKeys, ...ssh } = rest.ssh ?? {}
  const isMeant = perSession !== undefined && !isScopeGiven
  const old = isMeant ? (perSession ? 'session' : 'shared') : undefined
  return {
    ...rest,
    workspace,
    scope: rest.scope ?? old,
    docker: rest.docker && docker,
    ssh: rest.ssh && ssh,
  }
}

function toolValues(tools: AgentPart['tools']): object {
  const policy = tools?.sandbox?.tools
  return policy === undefined ? {} : { tools: policy }
}

/** Where the value of a key stands. */
function pathOf(key: Path, prefix: Path): Path {
  const [group] = key
  const isAgents = prefix[1] !== 'defaults'
  if (group === 'workspace') return [...prefix, ...key]
  if (group === 'tools') {
    return [...(isAgents ? prefix : []), 'tools', 'sandbox', 'tools', ...key.slice(1)]
  }
  if (group !== 'openshell') return [...prefix, 'sandbox', ...key]
  const openshell = ['plugins', 'entries', 'openshell']
  return [...openshell, ...(key[1] === 'enabled' ? ['enabled'] : ['config', ...key.slice(1)])]
}
