/** Serves a session over stdio until the client goes away. */
import { isOffered } from './config/tool-policy.ts'
import { instructions } from './mcp/instructions.ts'
import { serveStdio } from './mcp/sdk-v1.ts'
import { endOfStdio } from './mcp/stdio-end.ts'
import { instructionFacts } from './sessions/instruction-facts.ts'
import { sweepLogDirectories } from './sessions/log-directory.ts'
import { makeSession } from './sessions/make-session.ts'
import { planSandbox } from './sessions/plan-sandbox.ts'
import { sweepPrivateWorkspaces } from './sessions/private-workspace.ts'
import { stateDirectory } from './sessions/state-directory.ts'
import { sweepEphemeral } from './sessions/sweep.ts'
import type { Settings } from './settings.ts'
import { toolsFor } from './tools/all.ts'

/** Longer than the guard takes to end what ignores TERM; then the process goes all the same. */
const closeDeadlineMs = 8_000

/** Resolves when everything the session made is gone. */
export async function serve(settings: Settings, version: string): Promise<void> {
  const state = stateDirectory()
  const plan = planSandbox(settings, state)
  const { spec, access, remove } = plan
  console.error(`sandbox-mcp ${version}: workspace ${plan.workspace}, sandbox ${spec.name}`)
  const { session, choose, sight } = makeSession(settings, plan)

  const ended = endOfStdio()
  const { closed } = await serveStdio({
    version,
    session,
    sight,
    tools: toolsFor(access)
      .filter(({ name }) => isOffered(name, settings.tools))
      .map((tool) => ({ ...tool, name: settings.toolPrefix + tool.name })),
    instructions: instructions(instructionFacts(settings, access)),
  })
  const sweeping = new AbortController()
  sweepLogDirectories()
  sweepPrivateWorkspaces(state)
  const swept = sweepEphemeral(choose, spec.installation, sweeping.signal)
  const reason = await Promise.race([ended, closed])
  sweeping.abort()
  console.error(`sandbox-mcp: ending, ${reason}`)
  const deadline = setTimeout(() => {
    console.error('sandbox-mcp: the sandbox did not let go in time; ending without it')
    process.exit(1)
  }, closeDeadlineMs)
  deadline.unref()
  await Promise.all([session.close(), swept])
  remove()
  clearTimeout(deadline)
}
