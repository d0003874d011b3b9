/** The workspace that settings ask for, wired to the session it is for. */
import { join } from 'node:path'
import type { Backend, Sandbox, SandboxSpec } from '../sandbox.ts'
import type { Settings } from '../settings.ts'
import { Mirror } from '../sync/mirror.ts'
import { SyncRules } from '../sync/sync-rules.ts'
import type { Tree } from '../tree.ts'
import { HostTree } from '../trees/host-tree.ts'
import { SandboxTree, type ScriptRunner } from '../trees/sandbox-tree.ts'
import type { Opened, Workspace } from '../workspace.ts'
import { BindWorkspace } from '../workspaces/bind.ts'
import { MirrorWorkspace } from '../workspaces/mirror.ts'
import { RemoteWorkspace } from '../workspaces/remote.ts'
import { backendOf } from './mode.ts'
import { refuseOverlap } from './plan-sandbox.ts'

/** What a workspace needs of its session: the open sandbox, and scripts in it. */
export interface Inside {
  readonly opened: Opened
  /** The sandbox, if it is open. */
  readonly current: () => Sandbox | undefined
  readonly run: ScriptRunner
  readonly abandon: (sandbox: Sandbox, error: Error) => Promise<void>
}

/** Which sandbox it is in, and where this server keeps what it must remember. */
export interface WorkspacePlace {
  readonly spec: SandboxSpec
  readonly state: string
  readonly choose: (signal: AbortSignal) => Promise<Backend>
}

/** Where the files are that count. */
export type WorkspaceKind = 'bind' | 'mirror' | 'remote'

export function workspaceKind(settings: Settings): WorkspaceKind {
  const backend = backendOf(settings)
  if (backend === 'ssh') return 'remote'
  return backend === 'openshell' ? settings.openshell.mode : 'bind'
}

/** `CONFIG_INVALID` for roots inside that overlap. Opens nothing. */
export function makeWorkspace(
  settings: Settings,
  place: WorkspacePlace,
  inside: Inside,
): Workspace {
  const { spec, choose } = place
  if (backendOf(settings) === 'openshell' && spec.mounts.length > 1) {
    const { remoteWorkspaceDir, remoteAgentWorkspaceDir } = settings.openshell
    refuseOverlap('OpenShell directories', remoteWorkspaceDir, remoteAgentWorkspaceDir)
  }
  switch (workspaceKind(settings)) {
    case 'bind':
      return new BindWorkspace(choose, spec, hostTrees(spec), rootTree(inside))
    case 'remote':
      return new RemoteWorkspace({ choose, spec, rules: rulesOf(settings), ...inside })
    case 'mirror':
      return makeMirrorWorkspace(settings, place, inside)
  }
}

function makeMirrorWorkspace(
  { openshell, sync }: Settings,
  { spec, state, choose }: WorkspacePlace,
  inside: Inside,
): Workspace {
  const { ignore, gitignore } = sync
  const [first, ...others] = spec.mounts.map(({ host, writable }, i) => {
    const record = `${spec.name}${i === 0 ? '' : `-${i}`}.ancestor`
    return new Mirror({
      host,
      owner: spec.owner,
      root: (sandbox) => (i === 0 ? sandbox.root : (sandbox.agentRoot ?? '')),
      ignore,
      gitignore,
      ancestorFile: join(state, 'sync', record),
      oneWay: !writable,
    })
  })
  return new MirrorWorkspace({
    choose,
    spec,
    trees: hostTrees(spec),
    mirrors: [first as Mirror, ...others],
    inside: rootTree(inside),
    roots: [openshell.remoteWorkspaceDir, openshell.remoteAgentWorkspaceDir],
    current: inside.current,
  })
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
