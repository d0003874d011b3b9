/** What settings mean for the model. */
import { bindTargets } from '../backends/docker/bind-rules.ts'
import type { InstructionFacts } from '../mcp/instructions.ts'
import type { Settings, WorkspaceAccess } from '../settings.ts'
import { SyncRules } from '../sync/sync-rules.ts'
import { treePath } from '../tree.ts'
import { aliases } from '../workspace.ts'
import { backendOf } from './mode.ts'
import { hasBinds } from './plan-sandbox.ts'
import { workspaceKind } from './workspace-kind.ts'

const projects = { bind: 'real', mirror: 'mirror', remote: 'copy' } as const

/** `access` is what the sandbox has of the user's files: `uncertain` if there turn out to be none. */
export function instructionFacts(
  settings: Settings,
  access: WorkspaceAccess,
  uncertain = false,
): InstructionFacts {
  return {
    uncertain,
    onHost: backendOf(settings) === 'host',
    project: access === 'none' ? 'none' : projects[workspaceKind(settings)],
    writable: access === 'rw',
    withoutGit: new SyncRules(settings.sync.ignore).leavesOut(treePath('.git'), () => true),
    account: accountOf(settings),
    names: namesOf(settings),
    binds: hasBinds(settings) ? bindTargets(settings.docker) : [],
    network: networkOf(settings),
    ephemeral: settings.ephemeral,
  }
}

function accountOf(settings: Settings): string | undefined {
  const { ssh } = settings
  if (backendOf(settings) !== 'ssh' || ssh === undefined) return undefined
  const at = ssh.target.lastIndexOf('@')
  const host = ssh.target.slice(at + 1).replace(/:\d+$/, '')
  return at < 0 ? `a user of ${host}` : `${ssh.target.slice(0, at)} on ${host}`
}

/** On an ssh host they are below a home directory that is not known before it is asked. */
function namesOf(settings: Settings): InstructionFacts['names'] {
  const { docker, openshell } = settings
  switch (backendOf(settings)) {
    case 'ssh':
      return { workspace: '$PWD', agent: '$PWD/../agent' }
    case 'host':
      return { workspace: '$PWD', agent: aliases.agent }
    case 'openshell':
      return { workspace: openshell.remoteWorkspaceDir, agent: openshell.remoteAgentWorkspaceDir }
    case 'docker':
    case 'auto':
      if (docker.workdir === aliases.workspace) return undefined
      return { workspace: docker.workdir, agent: aliases.agent }
    case 'bubblewrap':
      return undefined
  }
}

function networkOf(settings: Settings): InstructionFacts['network'] {
  switch (backendOf(settings)) {
    case 'host':
      return 'of the host'
    case 'ssh':
      return 'of the machine'
    case 'openshell':
      return 'by policy'
    default:
      return settings.network === 'none' ? 'none' : 'some'
  }
}
