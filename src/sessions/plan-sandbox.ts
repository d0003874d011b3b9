/** Which sandbox a session lands in, and which directories of the host it gets. */
import { statSync } from 'node:fs'
import { configInvalid, shown } from '../errors.ts'
import { thisProcess } from '../process-identity.ts'
import type { Mount, SandboxSpec } from '../sandbox.ts'
import type { Settings, WorkspaceAccess } from '../settings.ts'
import { agentMount, workspaceMount } from '../workspace.ts'
import { ephemeralKey, privateWorkspace, removePrivateWorkspace } from './private-workspace.ts'
import { agentScopeKey, sandboxName } from './scope.ts'
import { installationId, stateDirectory } from './state-directory.ts'
import { isIn, isNobodysChoice, workspaceDirectory } from './workspace-directory.ts'

export interface SandboxPlan {
  readonly spec: SandboxSpec
  /** What the sandbox has of the user's files: `none` too where no directory of the user's was chosen. */
  readonly access: WorkspaceAccess
  /** The directory it is about: the user's, or a private one where none was chosen. */
  readonly workspace: string
  /** Where this server keeps what it must remember. */
  readonly state: string
  /** Removes what ends with the session. */
  remove(): void
}

/**
 * Makes the private workspace that `settings` ask for, and nothing else. `CONFIG_INVALID` for a
 * workspace that may not be one, and for directories that lie in each other.
 */
export function planSandbox(settings: Settings, state = stateDirectory()): SandboxPlan {
  const { agent, ephemeral } = settings
  const installation = installationId(state)
  const chosen = chosenWorkspace(settings)
  const server = thisProcess()
  const place = chosen ?? privateWorkspace(state, agent)
  if (chosen === undefined) {
    console.error(
      `sandbox-mcp: no --workspace was given and ${process.cwd()} is no project; using the private ${place}`,
    )
  }
  const access = chosen === undefined ? 'none' : settings.access
  const scopeKey = [
    agentScopeKey(agent, place),
    // A sandbox that was made with more access is never used with less.
    ...(access === 'rw' || chosen === undefined ? [] : [`access:${access}`]),
    ...(ephemeral ? [`server:${server.pid}:${server.started}`] : []),
  ].join(':')
  const name = sandboxName(installation, scopeKey)
  const privateKey = ephemeral ? ephemeralKey(name, server) : name
  const mounts = mountsFor(access, chosen, place, state, privateKey)
  const { uid, gid } = statSync(mounts[0].host)
  const spec: SandboxSpec = {
    name,
    installation,
    scopeKey,
    agent,
    mounts,
    owner: { uid, gid },
    ...(ephemeral ? { ephemeral: server } : {}),
  }
  return {
    spec,
    access,
    workspace: place,
    state,
    remove: () => {
      if (ephemeral) removePrivateWorkspace(state, privateKey)
    },
  }
}

/** Undefined where nobody chose a directory. */
function chosenWorkspace({ workspace }: Settings): string | undefined {
  if (workspace !== undefined) return workspaceDirectory(workspace.path, workspace.source)
  const current = process.cwd()
  return isNobodysChoice(current) ? undefined : workspaceDirectory(current, 'the current directory')
}

function mountsFor(
  access: WorkspaceAccess,
  chosen: string | undefined,
  place: string,
  state: string,
  key: string,
): readonly [Mount, ...Mount[]] {
  if (access === 'rw' || chosen === undefined) return [workspaceMount(place, true)]
  const own = privateWorkspace(state, key, statSync(chosen))
  refuseOverlap('workspaces', own, chosen)
  return access === 'ro'
    ? [workspaceMount(own, true), agentMount(chosen)]
    : [workspaceMount(own, true)]
}

/** `CONFIG_INVALID` when one of two directories is in the other, or they are the same. */
export function refuseOverlap(what: string, one: string, other: string): void {
  if (!isIn(one, other) && !isIn(other, one)) return
  throw configInvalid(
    `the ${what} ${shown(one)} and ${shown(other)} overlap, so that one could be changed through the other`,
    'Choose directories of which none is in the other.',
  )
}
