/** Where a session's calls land and with what, each with the setting that says so. */

import { defaultTimeoutSeconds } from '../session-options.ts'
import { backendOf, isSandboxed } from '../sessions/mode.ts'
import { type SandboxPlan, unknownName } from '../sessions/plan-sandbox.ts'
import { sessionKey } from '../sessions/scope.ts'
import type { Settings, WorkspaceAccess } from '../settings.ts'
import type { BackendFacts } from './backend-facts.ts'

/** A value, where it comes from, and what it means. */
export interface Explained {
  readonly value: string
  readonly source?: string
  readonly meaning?: string
}

export interface Known {
  readonly settings: Settings
  /** Undefined where none can be made. */
  readonly plan: SandboxPlan | undefined
  readonly facts: BackendFacts
  /** Where the value of a key comes from. */
  readonly from: (key: string) => string
}

/** By what it is about, in the order in which people ask. */
export function decide(known: Known): Record<string, Explained> {
  const { settings, plan, facts, from } = known
  const { agent, session, mode } = settings
  const sandboxed = isSandboxed(settings)
  return {
    Agent: { value: agent, source: from('agent') },
    Session: {
      value: session,
      source: from('session'),
      meaning: `its key is ${sessionKey(settings)}`,
    },
    Mode: {
      value: mode,
      source: from('mode'),
      meaning: sandboxed
        ? 'this session has a sandbox'
        : 'this session has NO SANDBOX: commands run on this machine, and nothing confines them',
    },
    ...(sandboxed ? sandboxOf(known) : {}),
    Workspace: {
      value: plan?.workspace ?? settings.workspace?.path ?? process.cwd(),
      source: workspaceSource(settings, plan, from),
    },
    Access: accessOf(known),
    ...(sandboxed ? { Network: networkOf(known) } : {}),
    User: {
      value: facts.user,
      ...(sandboxed && settings.docker.user === facts.user ? { source: from('docker.user') } : {}),
    },
    Limits: { value: limitsOf(known) },
    ...(sandboxed ? setupOf(known) : {}),
  }
}

function sandboxOf({ settings, plan, from }: Known): Record<string, Explained> {
  const { scope, agent, backend } = settings
  return {
    Sandbox: nameOf(settings, plan),
    Scope: { value: scope, source: from('scope'), meaning: sharers[scope](agent) },
    Backend: {
      value: backend,
      source: from('backend'),
      ...(backend === 'auto' ? { meaning: automatic } : {}),
    },
  }
}

function nameOf({ ephemeral }: Settings, plan: SandboxPlan | undefined): Explained {
  if (plan === undefined) return { value: 'cannot be told' }
  if (ephemeral)
    return { value: 'a new one for each server', meaning: 'it is removed with the session' }
  const { name, scopeKey } = plan.spec
  const source = name === unknownName ? { source: 'known once a server was started here' } : {}
  return { value: name, ...source, meaning: `its key is ${scopeKey}` }
}

const automatic = 'Docker if an engine answers, else bubblewrap; "sandbox-mcp doctor" tells which'

const sharers = {
  session: (agent: string) =>
    `the sandbox is for this session of agent ${agent} alone, in this workspace`,
  agent: (agent: string) => `the sandbox is for all sessions of agent ${agent} in this workspace`,
  shared: () => 'the sandbox is for all sessions of all agents in this workspace',
} as const

/** In words, also where no setting says it. */
export function workspaceSource(
  settings: Settings,
  plan: SandboxPlan | undefined,
  from: Known['from'],
): string {
  if (settings.workspace !== undefined) return from('workspace')
  return plan?.source === 'nobody'
    ? 'a private one: nobody named a project, and the current directory is none'
    : 'the current directory'
}

function accessOf({ settings, plan, from }: Known): Explained {
  const access = plan?.access ?? settings.access
  const isAsked = access === settings.access
  const onHost = backendOf(settings) === 'host'
  return {
    value: access,
    source: isAsked
      ? from('workspaceAccess')
      : onHost
        ? 'there is no sandbox'
        : 'there is no project',
    ...(onHost ? {} : { meaning: meaningOf(access, settings) }),
  }
}

function meaningOf(access: WorkspaceAccess, settings: Settings): string {
  const { docker, openshell, backend } = settings
  const isDocker = backend === 'docker' || backend === 'auto'
  const own =
    backend === 'openshell'
      ? openshell.remoteWorkspaceDir
      : isDocker
        ? docker.workdir
        : '/workspace'
  const agent = backend === 'openshell' ? openshell.remoteAgentWorkspaceDir : '/agent'
  switch (access) {
    case 'rw':
      return 'its files can be read and changed'
    case 'ro':
      return `it is at ${agent} and cannot be changed; ${own} is private`
    case 'none':
      return `nothing of it is there; ${own} is private`
  }
}

function networkOf({ settings, from }: Known): Explained {
  const { backend, docker, bubblewrap } = settings
  switch (backend) {
    case 'ssh':
      return { value: 'that of the machine' }
    case 'openshell':
      return { value: 'as its policy has it' }
    case 'bubblewrap':
      return { value: bubblewrap.network, source: from('bubblewrap.network') }
    case 'docker':
    case 'auto':
      return { value: docker.network, source: from('docker.network') }
  }
}

function limitsOf({ settings, facts }: Known): string {
  const { outputCharacters, commandTimeoutSeconds = defaultTimeoutSeconds } = settings
  return [
    facts.limits,
    commandTimeoutSeconds === 0
      ? 'commands may take any time'
      : `a command may take ${commandTimeoutSeconds} s`,
    `${outputCharacters} characters of its output are shown`,
  ].join('; ')
}

function setupOf({ settings: { docker, backend }, from }: Known): Record<string, Explained> {
  const isDocker = backend === 'docker' || backend === 'auto'
  if (docker.setupCommand === undefined || !isDocker) return {}
  return {
    Setup: {
      value: docker.setupCommand.replaceAll('\n', '; '),
      source: from('docker.setupCommand'),
      meaning: 'run once in a new sandbox',
    },
  }
}
