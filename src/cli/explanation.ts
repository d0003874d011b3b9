/** What a server would do with its settings, and where each value comes from. Asks no engine, and makes nothing. */
import type { Resolved } from '../config/resolve.ts'
import { type Source, sourceText } from '../config/source.ts'
import { isOffered } from '../config/tool-policy.ts'
import type { SandboxError } from '../errors.ts'
import type { Mount } from '../sandbox.ts'
import { isSandboxed } from '../sessions/mode.ts'
import { workspaceKind } from '../sessions/workspace-kind.ts'
import type { Settings, WorkspaceAccess } from '../settings.ts'
import { tools, toolsFor } from '../tools/all.ts'
import { backendFacts } from './backend-facts.ts'
import { decide, type Explained, type Known, workspaceSource } from './decision.ts'
import { foretell } from './foretell.ts'

interface ExplainedMount extends Mount {
  /** What the two are to each other. */
  readonly how: 'the same files' | 'kept in step' | 'copied once'
  readonly source: string
}

interface ExplainedTool {
  readonly name: string
  readonly offered: boolean
  readonly why: string
}

export interface ExplainedSetting {
  readonly key: string
  readonly value: unknown
  readonly source: Source
  readonly also: readonly Source[]
  readonly lost: readonly { readonly value: unknown; readonly source: Source }[]
}

export interface Explanation {
  readonly isSandboxed: boolean
  readonly decision: Readonly<Record<string, Explained>>
  readonly mounts: readonly ExplainedMount[]
  readonly tools: readonly ExplainedTool[]
  readonly settings: readonly ExplainedSetting[]
  readonly filesRead: readonly string[]
  readonly warnings: readonly string[]
  /** What keeps the server from starting, or the sandbox from being made. */
  readonly problems: readonly SandboxError[]
}

export async function explain(resolved: Resolved): Promise<Explanation> {
  const { settings, origins, filesRead, warnings } = resolved
  const { plan, problems } = foretell(resolved)
  const from = (key: string) => {
    const found = origins.get(key)
    return found === undefined ? 'default' : shortSource(found.source, filesRead)
  }
  const facts = await backendFacts(settings, plan)
  const known = { settings, plan, facts, from }
  return {
    isSandboxed: isSandboxed(settings),
    decision: decide(known),
    mounts: isSandboxed(settings) ? mountsOf(known) : [],
    tools: toolsOf(settings, plan?.access ?? settings.access, from),
    settings: [...origins]
      .map(([key, { value, source, also = [], lost }]) => ({ key, value, source, also, lost }))
      .sort((one, other) => (one.key < other.key ? -1 : 1)),
    filesRead,
    warnings: [...warnings, ...(plan?.notes ?? [])],
    problems,
  }
}

/** Without the file, where there is only one. */
export function shortSource(source: Source, filesRead: readonly string[]): string {
  const isTheFile = source.place !== undefined && source.name === filesRead[0]
  return isTheFile ? (source.place ?? '') : sourceText(source)
}

const hows = { bind: 'the same files', mirror: 'kept in step', remote: 'copied once' } as const

function mountsOf({ settings, plan, from }: Known): ExplainedMount[] {
  if (plan === undefined) return []
  const { openshell, backend } = settings
  const how = hows[workspaceKind(settings)]
  const places = [openshell.remoteWorkspaceDir, openshell.remoteAgentWorkspaceDir]
  const source = (mount: Mount) => {
    if (plan.binds.includes(mount)) return from('docker.binds')
    return mount.host === plan.workspace ? workspaceSource(settings, plan, from) : 'private'
  }
  return plan.spec.mounts.map((mount, at) => ({
    ...mount,
    sandbox: backend === 'openshell' ? (places[at] ?? mount.sandbox) : mount.sandbox,
    how,
    source: source(mount),
  }))
}

function toolsOf(settings: Settings, access: WorkspaceAccess, from: Known['from']) {
  const possible = new Set(toolsFor(access).map(({ name }) => name))
  const { allow = [], deny } = settings.tools
  return tools.map(({ name }): ExplainedTool => {
    const told = (offered: boolean, why: string) => ({
      name: settings.toolPrefix + name,
      offered,
      why,
    })
    if (!possible.has(name)) return told(false, `access ${access} (${from('workspaceAccess')})`)
    if (!isOffered(name, { allow: undefined, deny })) {
      return told(false, `in tools.deny (${from('tools.deny')})`)
    }
    const allowed = `in tools.allow (${from('tools.allow')})`
    if (!isOffered(name, settings.tools)) return told(false, `not ${allowed}`)
    return told(true, allow.length > 0 ? allowed : 'nothing forbids it')
  })
}
