/** Puts a session together from settings, and serves it over stdio until the client goes away. */
import { statSync } from 'node:fs'
import { outputLimitsOf } from './captured-output.ts'
import { isOffered } from './config/tool-policy.ts'
import { instructions } from './mcp/instructions.ts'
import { serveStdio } from './mcp/sdk-v1.ts'
import { endOfStdio } from './mcp/stdio-end.ts'
import { thisProcess } from './process-identity.ts'
import type { SandboxSpec } from './sandbox.ts'
import { Session } from './session.ts'
import { chooseBackend } from './sessions/choose-backend.ts'
import { sweepLogDirectories } from './sessions/log-directory.ts'
import { agentScopeKey, sandboxName } from './sessions/scope.ts'
import { installationId, privateWorkspace, stateDirectory } from './sessions/state-directory.ts'
import { sweepEphemeral } from './sessions/sweep.ts'
import { isNobodysChoice, workspaceDirectory } from './sessions/workspace-directory.ts'
import type { Settings } from './settings.ts'
import { tools } from './tools/all.ts'
import { HostTree } from './trees/host-tree.ts'
import { canPin } from './trees/host-walk.ts'
import { SandboxTree } from './trees/sandbox-tree.ts'
import { BindWorkspace, workspaceMount } from './workspace.ts'

/** Longer than the guard takes to end what ignores TERM; then the process goes all the same. */
const closeDeadlineMs = 8_000

/** Resolves when everything the session made is gone. */
export async function serve(settings: Settings, version: string): Promise<void> {
  const state = stateDirectory()
  const installation = installationId(state)
  const host = chooseWorkspace(settings, state)
  const { uid, gid } = statSync(host)
  const owner = { uid, gid }
  const server = thisProcess()
  const scopeKey = settings.ephemeral
    ? `${agentScopeKey(settings.agent, host)}:server:${server.pid}:${server.started}`
    : agentScopeKey(settings.agent, host)
  const mount = workspaceMount(host, true)
  const spec: SandboxSpec = {
    name: sandboxName(installation, scopeKey),
    installation,
    scopeKey,
    agent: settings.agent,
    mounts: [mount],
    owner,
    ...(settings.ephemeral ? { ephemeral: server } : {}),
  }
  console.error(`sandbox-mcp ${version}: workspace ${host}, sandbox ${spec.name}`)

  const files = new HostTree({ root: host, owner, sandboxRoot: mount.sandbox })
  const inside = new SandboxTree((script, stdin, signal) => session.run(script, stdin, signal), {
    root: '/',
  })
  const choose = (signal: AbortSignal) =>
    chooseBackend(
      {
        backend: settings.backend,
        network: settings.network,
        ...(settings.image === undefined ? {} : { image: settings.image }),
      },
      signal,
    )
  const workspace = new BindWorkspace(choose, spec, files, inside)
  const session: Session = new Session(workspace, {
    ephemeral: settings.ephemeral,
    outputLimits: outputLimitsOf(settings.outputCharacters),
    env: settings.docker.env,
    commandTimeoutSeconds: settings.commandTimeoutSeconds,
  })

  const ended = endOfStdio()
  const { closed } = await serveStdio({
    version,
    session,
    workspaceRoot: { path: host, sandboxRoot: mount.sandbox, pinned: canPin },
    tools: tools
      .filter(({ name }) => isOffered(name, settings.tools))
      .map((tool) => ({ ...tool, name: settings.toolPrefix + tool.name })),
    instructions: instructions({
      network: settings.network !== 'none',
      writable: true,
      ephemeral: settings.ephemeral,
    }),
  })
  const sweeping = new AbortController()
  sweepLogDirectories()
  const swept = sweepEphemeral(choose, installation, sweeping.signal)
  const reason = await Promise.race([ended, closed])
  sweeping.abort()
  console.error(`sandbox-mcp: ending, ${reason}`)
  const deadline = setTimeout(() => {
    console.error('sandbox-mcp: the sandbox did not let go in time; ending without it')
    process.exit(1)
  }, closeDeadlineMs)
  deadline.unref()
  await Promise.all([session.close(), swept])
  clearTimeout(deadline)
}

function chooseWorkspace({ workspace, agent }: Settings, state: string): string {
  if (workspace !== undefined) return workspaceDirectory(workspace.path, workspace.source)
  const current = process.cwd()
  if (!isNobodysChoice(current)) return workspaceDirectory(current, 'the current directory')
  const path = privateWorkspace(state, agent)
  console.error(
    `sandbox-mcp: no --workspace was given and ${current} is no project; using the private ${path}`,
  )
  return path
}
