/** The workspace that settings ask for, wired to the session it is for. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { canPin } from '../real-paths.ts'
import { HostSight } from '../resources/host-sight.ts'
import { SandboxSight } from '../resources/sandbox-sight.ts'
import type { Sight } from '../resources/sight.ts'
import type { Backend, OpenContext, Sandbox, SandboxSpec } from '../sandbox.ts'
import type { Scripts } from '../scripts/script.ts'
import type { Settings } from '../settings.ts'
import { Mirror } from '../sync/mirror.ts'
import { SyncRules } from '../sync/sync-rules.ts'
import { isDirectoryOf, leavingOut, WorkspaceIgnore } from '../sync/workspace-ignore.ts'
import type { Tree } from '../tree.ts'
import { HostTree } from '../trees/host-tree.ts'
import { SandboxTree, type ScriptRunner } from '../trees/sandbox-tree.ts'
import type { Opened, Workspace } from '../workspace.ts'
import { BindWorkspace } from '../workspaces/bind.ts'
import { MirrorWorkspace } from '../workspaces/mirror.ts'
import { RemoteWorkspace } from '../workspaces/remote.ts'
import { letYoungGenerationGrow } from '../young-generation.ts'
import { workspaceKind } from './workspace-kind.ts'

/** What a workspace needs of its session: the open sandbox, and scripts in it. */
export interface Inside {
  readonly opened: Opened
  /** The sandbox, if it is open. */
  readonly current: () => Sandbox | undefined
  readonly scripts: () => Scripts | undefined
  readonly run: ScriptRunner
  readonly abandon: (sandbox: Sandbox, error: Error) => Promise<void>
  readonly open: (context: OpenContext) => Promise<Sandbox>
}

/** Which sandbox it is in, and where this server keeps what it must remember. */
export interface WorkspacePlace {
  readonly spec: SandboxSpec
  readonly state: string
  readonly choose: (signal: AbortSignal) => Promise<Backend>
}

/** The workspace, and what the resources see of it. */
export interface MadeWorkspace {
  readonly workspace: Workspace
  readonly sight: Sight
}

/** Opens nothing. */
export function makeWorkspace(
  settings: Settings,
  place: WorkspacePlace,
  inside: Inside,
): MadeWorkspace {
  const { spec, choose } = place
  switch (workspaceKind(settings)) {
    case 'bind':
      return {
        workspace: new BindWorkspace(choose, spec, boundTrees(spec), rootTree(inside)),
        sight: hostSight(spec),
      }
    case 'remote': {
      const workspace = new RemoteWorkspace({
        choose,
        spec,
        rulesFor: rulesOf(settings),
        ...inside,
      })
      const isOpen = () => inside.current() !== undefined
      const access = { isOpen, open: inside.open }
      return { workspace, sight: new SandboxSight(workspace.files, workspace.glance, access) }
    }
    case 'mirror':
      // What is known of each file lives on.
      letYoungGenerationGrow()
      return {
        workspace: makeMirrorWorkspace(settings, place, inside),
        sight: hostSight(spec, settings.openshell.remoteWorkspaceDir),
      }
  }
}

function makeMirrorWorkspace(
  { openshell, sync }: Settings,
  { spec, state, choose }: WorkspacePlace,
  inside: Inside,
): Workspace {
  const { ignore, gitignore } = sync
  const roots = [openshell.remoteWorkspaceDir, openshell.remoteAgentWorkspaceDir]
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
    trees: hostTrees(spec, roots),
    mirrors: [first as Mirror, ...others],
    inside: rootTree(inside),
    roots,
    scripts: inside.scripts,
  })
}

/** Those of the directories; a single file that is mounted is reached inside, as a write must not replace it. */
function boundTrees(spec: SandboxSpec): readonly [Tree, ...(Tree | undefined)[]] {
  const [first, ...others] = hostTrees(spec)
  const isDirectory = (at: number) => statSync(spec.mounts[at]?.host ?? '').isDirectory()
  return [first, ...others.map((tree, i) => (isDirectory(i + 1) ? tree : undefined))]
}

/** The files of the mounts, on the host; `roots` is where they are inside. */
function hostTrees(
  { mounts, owner }: SandboxSpec,
  roots: readonly string[] = mounts.map(({ sandbox }) => sandbox),
): readonly [Tree, ...Tree[]] {
  const [first, ...others] = mounts.map(({ host, sandbox, writable }, i) => {
    const sandboxRoot = roots[i] ?? sandbox
    return new HostTree({ root: host, owner, sandboxRoot, readOnly: !writable })
  })
  return [first as Tree, ...others]
}

function hostSight({ mounts: [{ host, sandbox }] }: SandboxSpec, sandboxRoot = sandbox): Sight {
  return new HostSight({ path: host, sandboxRoot, pinned: canPin })
}

const rootTree = ({ run }: Inside): Tree => new SandboxTree(run, { root: '/' })

/** What a workspace that is filled once leaves on the host. */
function rulesOf({ sync: { ignore, gitignore } }: Settings) {
  return (host: string) =>
    leavingOut(
      new SyncRules(ignore),
      gitignore ? new WorkspaceIgnore(host) : undefined,
      isDirectoryOf(host),
    )
}
