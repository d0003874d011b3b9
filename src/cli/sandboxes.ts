/** The sandboxes there are, on every engine that answers. */
import { existsSync } from 'node:fs'
import type { SandboxError } from '../errors.ts'
import type { Backend, BackendKind, SandboxInfo } from '../sandbox.ts'
import { isLeased } from '../sessions/lease.ts'
import { expectedStateDirectory, knownInstallationId } from '../sessions/state-directory.ts'
import { isUnsettled } from '../sessions/unsettled.ts'
import { readUse, type UseRecord } from '../sessions/use-record.ts'
import type { WorkspaceKind } from '../sessions/workspace-kind.ts'
import type { Settings } from '../settings.ts'
import { Agents } from './agents.ts'
import { type ConfigMatch, ConfigMatcher, sessionOf } from './config-match.ts'
import { type Engine, enginesOf } from './engines.ts'
import { say } from './terminal.ts'
import { toldError, within } from './within.ts'

export interface FoundSandbox {
  readonly info: SandboxInfo
  readonly engine: Engine
  readonly backend: Backend
  readonly isOurs: boolean
  readonly match: ConfigMatch
  /** Undefined where the scope has all of an agent's, or all, in one. */
  readonly session: string | undefined
  readonly workspaceExists: boolean
  /** Where the files are that count. */
  readonly workspaces: WorkspaceKind
  /** A call is in flight, or something runs in it, as far as this machine knows. */
  readonly isInUse: boolean
  /** It may hold changes of a mirrored workspace that this machine does not have. */
  readonly isUnsettled: boolean
  /** Undefined where no use is known. */
  readonly use: UseRecord | undefined
  /** Of its agent, where they can be used. */
  readonly settings: Settings | undefined
}

interface Unreachable {
  readonly engine: Engine
  readonly error: SandboxError
}

export interface Found {
  /** Where this installation keeps what it must remember. */
  readonly state: string
  readonly agents: Agents
  /** The oldest first. */
  readonly sandboxes: readonly FoundSandbox[]
  readonly unreachable: readonly Unreachable[]
}

/** For an engine to tell what it has, all in all. */
const answerMs = 15_000

/** Those of this installation, or of all. Makes nothing. `argv` are options of the server. */
export async function findSandboxes(argv: readonly string[], all: boolean = false): Promise<Found> {
  const agents = await Agents.read(argv)
  const state = expectedStateDirectory()
  // Without an id nothing was made yet: no sandbox has this one.
  const installation = knownInstallationId(state) ?? 'none'
  const matcher = new ConfigMatcher(state)
  const unreachable: Unreachable[] = []
  const ask = async (engine: Engine): Promise<readonly FoundSandbox[]> => {
    try {
      return await within(answerMs, engine.title, async (signal) => {
        const backend = await engine.connect()
        const found = await backend.list(all ? undefined : installation, signal)
        return Promise.all(
          found.map(async (info): Promise<FoundSandbox> => {
            const isOurs = info.installation === installation
            const settings = isOurs ? (await agents.of(info.agent))?.settings : undefined
            const use = isOurs ? readUse(state, info.name) : undefined
            const match = settings && (await matcher.match(info, settings, signal))
            return {
              ...{ info, engine, backend, isOurs, settings },
              match: match ?? 'unknown',
              session: sessionOf(info.scopeKey),
              workspaces: use?.workspaces ?? workspacesOf(info.kind, settings),
              isInUse: isOurs && isLeased(state, info.name),
              isUnsettled: isOurs && isUnsettled(state, info.name),
              use,
              workspaceExists: existsSync(info.workspace),
            }
          }),
        )
      })
    } catch (error) {
      unreachable.push({ engine, error: toldError(error) })
      return []
    }
  }
  const found = (await Promise.all(enginesOf(agents).map(ask))).flat()
  found.sort((one, other) => one.info.createdMs - other.info.createdMs)
  return { state, agents, sandboxes: found, unreachable }
}

/** What a person should hear about beside the list: a line for each. */
export function sayWhatIsMissing({ agents, unreachable }: Found): void {
  for (const warning of agents.warnings) say(`! ${warning}`)
  for (const { engine, error } of unreachable) say(`! ${engine.title}: ${error.message}`)
}

/** There may be more on an engine that should have answered. */
export const isUnsure = ({ unreachable }: Found) =>
  unreachable.some(({ engine }) => engine.isExpected)

/** Of OpenShell's two modes the one that loses more, where it is not known. */
function workspacesOf(kind: BackendKind, settings: Settings | undefined): WorkspaceKind {
  if (kind === 'openshell') return settings?.openshell.mode ?? 'remote'
  return kind === 'ssh' ? 'remote' : 'bind'
}
