/** What settings mean for the model. */
import type { InstructionFacts } from '../mcp/instructions.ts'
import type { Settings, WorkspaceAccess } from '../settings.ts'
import { aliases } from '../workspace.ts'
import { workspaceKind } from './make-workspace.ts'

/** `access` is what the sandbox has of the user's files. */
export function instructionFacts(settings: Settings, access: WorkspaceAccess): InstructionFacts {
  const copied = workspaceKind(settings) === 'remote'
  return {
    project: access === 'none' ? 'none' : copied ? 'copy' : 'real',
    writable: access === 'rw',
    account: accountOf(settings),
    root: rootOf(settings),
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

/** An ssh host has its own name for the workspace, below a home directory. */
function rootOf({ backend, openshell }: Settings): string | undefined {
  if (backend === 'ssh') return undefined
  return backend === 'openshell' ? openshell.remoteWorkspaceDir : aliases.workspace
}

function networkOf({ backend, network }: Settings): InstructionFacts['network'] {
  if (backend === 'ssh') return 'of the host'
  if (backend === 'openshell') return 'as the policy says'
  return network === 'none' ? 'none' : 'some'
}
