/** Which sandbox a session lands in, and which directories of the host it gets. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { parseBinds, withBinds } from '../backends/docker/bind-rules.ts'
import { configInvalid, shown } from '../errors.ts'
import { thisProcess } from '../process-identity.ts'
import type { Mount, SandboxSpec } from '../sandbox.ts'
import type { Settings, WorkspaceAccess } from '../settings.ts'
import { agentMount, aliases, workspaceMount } from '../workspace.ts'
import { backendOf } from './mode.ts'
import {
  ephemeralKey,
  expectedPrivateWorkspace,
  privateWorkspace,
  privateWorkspaces,
  removePrivateWorkspace,
} from './private-workspace.ts'
import { ephemeralScope, privateKey, sandboxName, scopeKey } from './scope.ts'
import {
  expectedStateDirectory,
  installationId,
  knownInstallationId,
  stateDirectory,
} from './state-directory.ts'
import { chooseWorkspace, dependsOnRoots, type WorkspaceChoice } from './workspace-choice.ts'
import { isIn, isNobodysChoice } from './workspace-directory.ts'

export interface SandboxPlan {
  readonly spec: SandboxSpec
  /** Those of the spec's mounts that `docker.binds` asks for. */
  readonly binds: readonly Mount[]
  /** What the sandbox has of the user's files: `none` too where no directory of the user's was chosen. */
  readonly access: WorkspaceAccess
  /** The directory it is about: the user's, or a private one where none was chosen. */
  readonly workspace: string
  /** Who named that directory, in words. */
  readonly source: string
  /** What its user must know of that choice, each a sentence without the full stop. */
  readonly notes: readonly string[]
  /** Where this server keeps what it must remember. */
  readonly state: string
  /** Removes what ends with the session. Never throws: what cannot be removed is logged. */
  remove(): void
}

interface Owner {
  readonly uid: number
  readonly gid: number
}

/** What a plan needs on the host. */
interface Ground {
  readonly installation: string
  /** The real path of the private workspace of that key. */
  privateWorkspace(directory: string, key: string, owner?: Owner): string
  ownerOf(path: string): Owner
}

/**
 * Makes the private workspace that `settings` ask for, and nothing else. `CONFIG_INVALID` for a
 * workspace that may not be one, for directories that lie in each other, and for a refused bind.
 */
export function planSandbox(
  settings: Settings,
  state = stateDirectory(),
  choice: WorkspaceChoice = chooseWorkspace(settings),
): SandboxPlan {
  const ground = { installation: installationId(state), privateWorkspace, ownerOf: statSync }
  return planOn(ground, settings, state, choice)
}

/** How a sandbox is called in plans where its name is not known. */
export const unknownName = `sbx-${'?'.repeat(15)}`

/**
 * What `planSandbox` would plan; makes nothing. Where no server was ever started, or each has a sandbox of
 * its own, the name is not known: it is `unknownName` then. `CONFIG_INVALID` as there.
 */
export function foretellSandbox(settings: Settings, state = expectedStateDirectory()): SandboxPlan {
  const installation = knownInstallationId(state)
  const given = new Map<string, Owner>()
  const plan = planOn(
    {
      installation: installation ?? '',
      privateWorkspace: (directory, key, owner) => {
        const path = expectedPrivateWorkspace(directory, key)
        if (owner !== undefined && process.getuid?.() === 0) given.set(path, owner)
        return path
      },
      ownerOf: (path) => given.get(path) ?? statSync(path, { throwIfNoEntry: false }) ?? thisUser(),
    },
    settings,
    state,
    chooseWorkspace(settings),
    installation === undefined || settings.ephemeral ? () => unknownName : sandboxName,
  )
  return { ...plan, remove: () => {} }
}

const thisUser = (): Owner => ({ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 })

function planOn(
  ground: Ground,
  settings: Settings,
  state: string,
  choice: WorkspaceChoice,
  nameOf = sandboxName,
): SandboxPlan {
  const { agent, ephemeral } = settings
  const { installation } = ground
  const server = thisProcess()
  const directory = privateWorkspaces(settings, state)
  const place = choice.path ?? ground.privateWorkspace(directory, privateKey(settings))
  const access = accessOf(settings, choice)
  const key = [
    scopeKey(settings, place),
    // A sandbox that was made with more access is never used with less.
    ...(access === 'rw' || choice.path === undefined ? [] : [`access:${access}`]),
    ...(ephemeral ? [ephemeralScope(server)] : []),
  ].join(':')
  const name = nameOf(installation, key)
  const ownKey = ephemeral ? ephemeralKey(name, server) : name
  const managed = mountsFor(settings, access, choice.path, place, () =>
    ground.privateWorkspace(directory, ownKey, ground.ownerOf(place)),
  )
  const binds = hasBinds(settings) ? parseBinds(settings.docker, managed) : []
  const { uid, gid } = ground.ownerOf(managed[0].host)
  const spec: SandboxSpec = {
    name,
    installation,
    scopeKey: key,
    agent,
    mounts: withBinds(managed, binds),
    owner: { uid, gid },
    ...(ephemeral ? { ephemeral: server } : {}),
  }
  return {
    spec,
    binds,
    access,
    workspace: place,
    source: choice.source,
    notes: choice.notes,
    state,
    remove: () => {
      if (ephemeral) removeOrLog(directory, ownKey)
    },
  }
}

/** A server that ends has nobody else to tell, and more to end. */
function removeOrLog(directory: string, key: string): void {
  try {
    removePrivateWorkspace(directory, key)
  } catch (error) {
    const path = shown(join(directory, key))
    console.error(
      `sandbox-mcp: the private workspace ${path} could not be removed: ${(error as Error).message}`,
    )
  }
}

/**
 * What the sandbox will have of the user's files, before the workspace is chosen: `uncertain` where none
 * may turn out to be chosen, and then it has none.
 */
export function expectedAccess(settings: Settings): {
  readonly access: WorkspaceAccess
  readonly uncertain: boolean
} {
  const onHost = backendOf(settings) === 'host'
  const uncertain = dependsOnRoots(settings) && isNobodysChoice(process.cwd())
  return { access: onHost ? 'rw' : settings.access, uncertain }
}

/** On the host nothing keeps commands from the user's files, so that no less can be promised. */
function accessOf(settings: Settings, choice: WorkspaceChoice): WorkspaceAccess {
  if (choice.path === undefined) return 'none'
  return backendOf(settings) === 'host' ? 'rw' : settings.access
}

function mountsFor(
  settings: Settings,
  access: WorkspaceAccess,
  chosen: string | undefined,
  place: string,
  own: () => string,
): readonly [Mount, ...Mount[]] {
  const mounted = (host: string) => workspaceMount(host, true, inside(settings, host))
  if (access === 'rw' || chosen === undefined) return [mounted(place)]
  const kept = own()
  refuseOverlap('workspaces', kept, chosen)
  if (access === 'none') return [mounted(kept)]
  const first = mounted(kept)
  refuseOverlap('directories inside', first.sandbox, aliases.agent)
  if (backendOf(settings) === 'openshell') {
    const { remoteWorkspaceDir, remoteAgentWorkspaceDir } = settings.openshell
    refuseOverlap('OpenShell directories', remoteWorkspaceDir, remoteAgentWorkspaceDir)
  }
  return [first, agentMount(chosen)]
}

/** Where sandboxes mount what the host has: `auto` is one of those. */
export function hasBinds(settings: Settings): boolean {
  return ['docker', 'auto'].includes(backendOf(settings)) && settings.docker.binds.length > 0
}

/** How commands find the workspace that is at `host`. */
function inside(settings: Settings, host: string): string {
  switch (backendOf(settings)) {
    case 'host':
      return host
    case 'docker':
    case 'auto':
      return settings.docker.workdir
    default:
      return aliases.workspace
  }
}

/** `CONFIG_INVALID` when one of two directories is in the other, or they are the same. */
function refuseOverlap(what: string, one: string, other: string): void {
  if (!isIn(one, other) && !isIn(other, one)) return
  throw configInvalid(
    `the ${what} ${shown(one)} and ${shown(other)} overlap, so that one could be changed through the other`,
    'Choose directories of which none is in the other.',
  )
}
