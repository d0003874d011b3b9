/** Serves a session over stdio until the client goes away. */
import { isOffered } from './config/tool-policy.ts'
import { oneLine } from './errors.ts'
import { noRoots } from './mcp/client-roots.ts'
import { instructions } from './mcp/instructions.ts'
import { serveStdio } from './mcp/sdk-v1.ts'
import { endOfStdio } from './mcp/stdio-end.ts'
import { backendOnce } from './sessions/choose-backend.ts'
import { Housekeeping } from './sessions/housekeeping.ts'
import { instructionFacts } from './sessions/instruction-facts.ts'
import { backendOf } from './sessions/mode.ts'
import { expectedAccess, type SandboxPlan } from './sessions/plan-sandbox.ts'
import { SessionSource } from './sessions/session-source.ts'
import { installationId, stateDirectory } from './sessions/state-directory.ts'
import { dependsOnRoots } from './sessions/workspace-choice.ts'
import type { Settings, WorkspaceAccess } from './settings.ts'
import type { Tool } from './tools/tool.ts'
import { allFinished } from './trees/unfinished-changes.ts'

/** Longer than the guard takes to end what ignores TERM; then the process goes all the same. */
const closeDeadlineMs = 8_000

const log = (line: string) => console.error(`sandbox-mcp: ${line}`)

/**
 * Resolves when everything the session made is gone. `filesRead` are those that the settings are from.
 * `CONFIG_INVALID` at once for a workspace of the settings that may not be one.
 */
export async function serve(
  settings: Settings,
  version: string,
  filesRead: readonly string[] = [],
): Promise<void> {
  const state = stateDirectory()
  const choose = backendOnce(settings, state)
  const planned = (plan: SandboxPlan) => announce(settings, version, plan)
  const source = new SessionSource({ settings, state, filesRead, choose, planned, log })
  // A client is asked for its roots at the first call; what else names the workspace is known now.
  if (!dependsOnRoots(settings)) await source.plan(noRoots)

  const { access, uncertain } = expectedAccess(settings)
  let tools: Promise<readonly Tool[]> | undefined
  const offered = () => {
    tools ??= offeredTools(settings, access)
    return tools
  }
  const ended = endOfStdio()
  const { closed } = await serveStdio({
    version,
    sessions: source,
    tools: offered,
    instructions: instructions(instructionFacts(settings, access, uncertain)),
  })
  const housekeeping = new Housekeeping(
    { settings, state, installation: installationId(state), choose },
    log,
  )
  const reason = await Promise.race([ended, closed])
  log(`ending, ${reason}`)
  const deadline = setTimeout(() => {
    log('the sandbox did not let go in time; ending without it')
    process.exit(1)
  }, closeDeadlineMs)
  deadline.unref()
  await Promise.all([source.close(), housekeeping.close()])
  await allFinished()
  clearTimeout(deadline)
}

/** Loaded when a client asks for them: its first answer does not wait for them. */
async function offeredTools(
  { tools, toolPrefix }: Settings,
  access: WorkspaceAccess,
): Promise<readonly Tool[]> {
  const { toolsFor } = await import('./tools/all.ts')
  return toolsFor(access)
    .filter(({ name }) => isOffered(name, tools))
    .map((tool) => ({ ...tool, name: toolPrefix + tool.name }))
}

function announce(settings: Settings, version: string, plan: SandboxPlan): void {
  const { workspace, source, spec, notes } = plan
  const where =
    backendOf(settings) === 'host'
      ? `NO SANDBOX: mode is "${settings.mode}", and all commands run on this machine as they are`
      : `sandbox ${spec.name}`
  console.error(`sandbox-mcp ${version}: workspace ${oneLine(workspace)} (${source}), ${where}`)
  for (const note of notes) log(oneLine(note))
}
