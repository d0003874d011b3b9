/** The settings of every agent: a command that looks after sandboxes is about all of them. */
import { resolveSettings } from '../config/resolve.ts'
import type { Sourced } from '../config/source.ts'
import type { SandboxError } from '../errors.ts'
import type { Settings } from '../settings.ts'
import { readSettings } from './settings-file.ts'
import { toldError } from './within.ts'

export interface AgentSettings {
  readonly settings: Settings
  readonly origins: ReadonlyMap<string, Sourced>
}

export class Agents {
  /** The agent that is meant where none is named. */
  readonly first: AgentSettings
  /** What is wrong with the settings of some, a line each. */
  readonly warnings: readonly string[]
  readonly #known: Map<string, AgentSettings | undefined>
  readonly #argv: readonly string[]

  private constructor(
    argv: readonly string[],
    first: AgentSettings,
    known: Map<string, AgentSettings | undefined>,
    warnings: readonly string[],
  ) {
    this.#argv = argv
    this.first = first
    this.#known = known
    this.warnings = warnings
  }

  /** Those that the file names, and the first. `argv` are options of the server. */
  static async read(argv: readonly string[]): Promise<Agents> {
    const { filesRead, problems, ...first } = await resolveSettings(argv, process.env, readSettings)
    const known = new Map<string, AgentSettings | undefined>([[first.settings.agent, first]])
    const warnings: string[] = []
    const warn = (id: string, { message }: SandboxError) =>
      warnings.push(`the settings of agent ${id} cannot be used: ${message}`)
    for (const problem of problems) warn(first.settings.agent, problem)
    for (const id of await idsIn(filesRead[0])) {
      if (known.has(id)) continue
      try {
        const found = await resolveSettings([...argv, '--agent', id], process.env, readSettings)
        known.set(id, found)
        for (const problem of found.problems) warn(id, problem)
      } catch (error) {
        known.set(id, undefined)
        warn(id, toldError(error))
      }
    }
    return new Agents(argv, first, known, warnings)
  }

  /** Of those with settings that can be used. */
  get all(): readonly AgentSettings[] {
    return [...this.#known.values()].filter((one) => one !== undefined)
  }

  /** Also of an agent that no file names. Undefined where they cannot be used. */
  async of(agent: string): Promise<AgentSettings | undefined> {
    if (!this.#known.has(agent)) {
      const argv = [...this.#argv, '--agent', agent]
      const found = await resolveSettings(argv, process.env, readSettings).catch(() => undefined)
      this.#known.set(agent, found)
    }
    return this.#known.get(agent)
  }
}

async function idsIn(file: string | undefined): Promise<readonly string[]> {
  const text = file === undefined ? undefined : readSettings(file)
  if (file === undefined || text === undefined) return []
  const [{ checkFile }, { agentIds }] = await Promise.all([
    import('../config/file.ts'),
    import('../config/document.ts'),
  ])
  const { written } = checkFile({ path: file, text }, process.env, readSettings)
  return written === undefined ? [] : agentIds(written)
}
