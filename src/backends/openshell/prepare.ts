/** Whether a sandbox's directories can be used, and where its commands keep what is nobody's work. */
import { randomBytes } from 'node:crypto'
import { sandboxStartFailed, shown } from '../../errors.ts'
import { quote } from '../../posix-sh.ts'
import type { ScriptResult } from '../../scripts/script.ts'

export interface Roots {
  readonly root: string
  readonly agentRoot?: string
}

const unusable = { root: 3, agentRoot: 4 } as const
/** Where HOME is when it would be the workspace: caches and dot files are no part of a project. */
const homeBeside = '/tmp/sandbox-mcp-home'

/**
 * Makes the roots, writes to each, and prints the HOME for commands when it has to be another than the
 * sandbox's own.
 */
export function prepareScript({ root, agentRoot }: Roots): string {
  // A name that is passed over wherever files are listed.
  const probe = `.sbx-${randomBytes(16).toString('hex')}`
  return `usable() {
[ -d "$1" ] || mkdir -p -- "$1" || return 1
true >"$1"/${probe} && rm -f -- "$1"/${probe}
}
usable ${quote(root)} || exit ${unusable.root}
${agentRoot === undefined ? '' : `usable ${quote(agentRoot)} || exit ${unusable.agentRoot}`}
home=$(cd -- "$HOME" 2>/dev/null && pwd -P) || exit 0
[ "$home" = "$(cd -- ${quote(root)} && pwd -P)" ] || exit 0
mkdir -p -- ${homeBeside} && chmod 700 ${homeBeside} && printf %s ${homeBeside}
exit 0`
}

/** The HOME for commands; undefined when the sandbox's own is good. `SANDBOX_START_FAILED` names the policy key. */
export function preparedHome(
  name: string,
  { root, agentRoot }: Roots,
  { code, stdout, stderr }: ScriptResult,
): string | undefined {
  const reason = stderr.trim() || `exit code ${code}`
  if (code === unusable.root) throw unwritable(name, root, reason, 'remoteWorkspaceDir')
  if (code === unusable.agentRoot) {
    throw unwritable(name, agentRoot ?? '', reason, 'remoteAgentWorkspaceDir')
  }
  if (code === 0) return stdout.toString() || undefined
  throw sandboxStartFailed(
    `sandbox ${name} does not run scripts: ${reason}`,
    'Check that its image has bash, a POSIX sh, env, mkdir and rm, then recreate it.',
  )
}

function unwritable(name: string, directory: string, reason: string, key: string) {
  const own = 'plugins.entries.openshell.config'
  return sandboxStartFailed(
    `${shown(directory)} cannot be written in sandbox ${name}: ${reason}`,
    `List ${shown(directory)} under filesystem_policy.read_write in the file that ${own}.policy names (a workspace also with include_workdir: true) and recreate the sandbox, or set ${own}.${key} to a directory that its policy lets it write.`,
  )
}
