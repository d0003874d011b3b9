/** The workspace that settings ask for, wired to the session it is for. */
import { configInvalid } from '../errors.ts'
import type { Backend, Sandbox, SandboxSpec } from '../sandbox.ts'
import type { Settings } from '../settings.ts'
import { SyncRules } from '../sync/sync-rules.ts'
import type { Tree } from '../tree.ts'
import { HostTree } from '../trees/host-tree.ts'
import { SandboxTree, type ScriptRunner } from '../trees/sandbox-tree.ts'
import type { Opened, Workspace } from '../workspace.ts'
import { BindWorkspace } from '../workspaces/bind.ts'
import { RemoteWorkspace } from '../workspaces/remote.ts'
import { refuseOverlap } from './plan-sandbox.ts'

/** What a workspace needs of its session: the open sandbox, and scripts in it. */
export interface Inside {
  readonly opened: Opened
  readonly run: ScriptRunner
  readonly abandon: (sandbox: Sandbox, error: Error) => Promise<void>
}

/** Where the files are that count. */
export type WorkspaceKind = 'bind' | 'mirror' | 'remote'

export function workspaceKind({ backend, openshell }: Settings): WorkspaceKind {
  if (backend === 'ssh') return 'remote'
  return backend === 'openshell' ? openshell.mode : 'bind'
}

/** `CONFIG_INVALID` for roots inside that overlap. Opens nothing. */
export function makeWorkspace(
  settings: Settings,
  spec: SandboxSpec,
  choose: (signal: AbortSignal) => Promise<Backend>,
  inside: Inside,
): Workspace {
  if (settings.backend === 'openshell' && spec.mounts.length > 1) {
    const { remoteWorkspaceDir, remoteAgentWorkspaceDir } = settings.openshell
    refuseOverlap('OpenShell directories', remoteWorkspaceDir, remoteAgentWorkspaceDir)
  }
  switch (workspaceKind(settings)) {
    case 'bind':
      return new BindWorkspace(choose, spec, hostTrees(spec), rootTree(inside))
    case 'remote':
      return new RemoteWorkspace({ choose, spec, rules: rulesOf(settings), ...inside })
    case 'mirror':
      return makeMirrorWorkspace()
  }
}

function makeMirrorWorkspace(): Workspace {
  throw configInvalid(
    'OpenShell mode "mirror" is not there yet',
    'Set mode to "remote", which works on a copy of the workspace inside.',
  )
}

/** The files of the mounts, on the host. */
function hostTrees({ mounts, owner }: SandboxSpec): readonly [Tree, ...Tree[]] {
  const [first, ...others] = mounts.map(
    ({ host, sandbox, writable }) =>
      new HostTree({ root: host, owner, sandboxRoot: sandbox, readOnly: !writable }),
  )
  return [first as Tree, ...others]
}

const rootTree = ({ run }: Inside): Tree => new SandboxTree(run, { root: '/' })

const rulesOf = ({ sync }: Settings) => new SyncRules(sync.ignore)
