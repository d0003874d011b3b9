/** What settings mean for the model. */
import type { InstructionFacts } from '../mcp/instructions.ts'
import type { Settings, WorkspaceAccess } from '../settings.ts'
import { workspaceKind } from './make-workspace.ts'

const projects = { bind: 'real', mirror: 'mirror', remote: 'copy' } as const

/** `access` is what the sandbox has of the user's files. */
export function instructionFacts(settings: Settings, access: WorkspaceAccess): InstructionFacts {
  return {
    project: access === 'none' ? 'none' : projects[workspaceKind(settings)],
    writable: access === 'rw',
    account: accountOf(settings),
    names: namesOf(settings),
    network: networkOf(settings),
    ephemeral: settings.ephemeral,
  }
}

function accountOf({ backend, ssh }: Settings): string | undefined {
  if (backend !== 'ssh' || ssh === undefined) return undefined
  const at = ssh.target.lastIndexOf('@')
  const host = ssh.target.slice(at + 1).replace(/:\d+$/, '')
  return at < 0 ? `a user of ${host}` : `${ssh.target.slice(0, at)} on ${host}`
}

/** On an ssh host they are below a home directory that is not known before it is asked. */
function namesOf({ backend, openshell }: Settings): InstructionFacts['names'] {
  if (backend === 'ssh') return { workspace: '$PWD', agent: '$PWD/../agent' }
  if (backend !== 'openshell') return undefined
  return { workspace: openshell.remoteWorkspaceDir, agent: openshell.remoteAgentWorkspaceDir }
}

function networkOf({ backend, network }: Settings): InstructionFacts['network'] {
  if (backend === 'ssh') return 'of the machine'
  if (backend === 'openshell') return 'by policy'
  return network === 'none' ? 'none' : 'some'
}
