/** What a file and `--set` say for one agent. Loads the schema, so it is loaded only when needed. */
import { shown } from '../errors.ts'
import { type AgentLayers, agentIds, defaultAgent, layersFor, type Written } from './document.ts'
import { checkFile, refuse } from './file.ts'
import type { FoundFile, ReadFile } from './find-file.ts'
import { nearestWord } from './nearest-word.ts'
import { type Problem, pathText } from './problem.ts'
import { readSet } from './set.ts'
import type { Layer } from './values.ts'

/** Layers for the agent that is meant. */
export interface WrittenSettings {
  /** Names the agent, where the file says which one is meant when nobody does. */
  readonly agent: Layer | undefined
  readonly warnings: readonly string[]
  readonly file: AgentLayers | undefined
  readonly set: AgentLayers | undefined
  /** Absolute paths of the files that the file includes. */
  readonly included: readonly string[]
}

/** `agent` is the one that was asked for. `CONFIG_INVALID` for what does not hold. */
export function readWritten(
  found: FoundFile | undefined,
  given: readonly string[],
  asked: string | undefined,
  env: NodeJS.ProcessEnv,
  readFile: ReadFile,
): WrittenSettings {
  const set = given.length === 0 ? undefined : readSet(given, env)
  if (found === undefined) {
    return {
      agent: undefined,
      warnings: [],
      file: undefined,
      set: set && setLayers(set, asked ?? 'main'),
      included: [],
    }
  }
  const { written, problems, warnings, included } = checkFile(found, env, readFile)
  const chosen = written && asked === undefined ? defaultAgent(written) : undefined
  const agent = asked ?? chosen?.id ?? 'main'
  refuse(found.path, written === undefined ? problems : problems.filter(concerns(agent, written)))
  if (written === undefined) throw new Error('a file without problems has settings')
  return {
    agent: chosen && {
      values: { agent: chosen.id },
      sourceOf: () => written.source(chosen.path),
    },
    warnings: [
      ...warnings.map((warning) => `${warning.what} (${whereIn(found.path, warning)})`),
      ...unknownAgent(agent, asked, written, found.path),
    ],
    file: layersFor(written, agent),
    set: set && setLayers(set, agent),
    included,
  }
}

/** A variable that is set is one more, also where it is the first. */
function setLayers(set: Written, agent: string): AgentLayers {
  const { forAll, forAgent } = layersFor(set, agent)
  return { forAll: { ...forAll, replacesEnvironment: false }, forAgent }
}

/** What another agent lacks in the environment is its own trouble. */
function concerns(agent: string, written: Written) {
  return ({ isUnset, path }: Problem): boolean => {
    if (!isUnset || path[0] !== 'agents' || path[1] === 'defaults') return true
    const [, kind, key] = path
    const id = kind === 'list' ? written.config.agents?.list?.[Number(key)]?.id : key
    return id === agent
  }
}

function unknownAgent(
  agent: string,
  asked: string | undefined,
  written: Written,
  path: string,
): string[] {
  const known = agentIds(written)
  if (known.length === 0 || known.includes(agent)) return []
  if (asked === undefined) {
    return [
      `no agent was chosen, so it is ${agent}, which is not in ${path}, and the defaults hold; there are ${known.join(', ')}: choose one with --agent ${known[0]}, or by default: true in the file`,
    ]
  }
  if (agent === 'main') return []
  const near = nearestWord(agent, known)
  const hint = near === undefined ? '' : `; did you mean ${near}?`
  return [`there is no agent ${shown(agent)} in ${path}, so the defaults hold${hint}`]
}

function whereIn(first: string, { path, line, file = first }: Problem): string {
  return `${pathText(path)}, ${line === undefined ? '' : `line ${line} of `}${file}`
}
