/** A session wired as the server wires it, in a real sandbox, whose tools are called without MCP. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callTool } from '../../src/mcp/call-tool.ts'
import type { Backend, BackendKind, SandboxSpec } from '../../src/sandbox.ts'
import { Session, type SessionOptions } from '../../src/session.ts'
import { chooseBackend } from '../../src/sessions/choose-backend.ts'
import { sandboxName } from '../../src/sessions/scope.ts'
import { tools } from '../../src/tools/all.ts'
import { HostTree } from '../../src/trees/host-tree.ts'
import { SandboxTree } from '../../src/trees/sandbox-tree.ts'
import { BindWorkspace, workspaceMount } from '../../src/workspace.ts'
import { describeWhere, images } from './available.ts'

const never = new AbortController().signal

interface Told {
  readonly text: string
  readonly facts: Record<string, unknown>
  readonly isError: boolean
  /** The types of the blocks. */
  readonly blocks: readonly string[]
}

interface CallOptions {
  readonly signal?: AbortSignal
  readonly progress?: (done: number, message: string) => void
}

export interface TestSession {
  readonly session: Session
  /** The workspace's directory on the host. */
  readonly host: string
  readonly backend: Backend
  readonly spec: SandboxSpec
  call(tool: string, args: object, options?: CallOptions): Promise<Told>
  /** Calls exec. */
  sh(command: string, args?: object, options?: CallOptions): Promise<Told>
  /** Ends the session, and removes the sandbox and the workspace. */
  close(): Promise<void>
}

/** Runs `fn` for bubblewrap and for Docker with both images, where they are there. */
export function describeSessions(name: string, fn: (open: Opener) => void): void {
  const subjects: [string, 'bubblewrap' | 'docker', string][] = [
    ['bubblewrap', 'bubblewrap', images.debian],
    ['docker, debian image', 'docker', images.debian],
    ['docker, busybox image', 'docker', images.busybox],
  ]
  for (const [title, part, image] of subjects) {
    describeWhere(part, `${title}: ${name}`, () => fn((options) => open(part, image, options)))
  }
}

export type Opener = (options?: Omit<SessionOptions, 'ephemeral'>) => Promise<TestSession>

async function open(
  part: BackendKind,
  image: string,
  options: Omit<SessionOptions, 'ephemeral'> = {},
): Promise<TestSession> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-session-')))
  const host = join(directory, 'workspace')
  mkdirSync(host)
  const { uid, gid } = statSync(host)
  const spec: SandboxSpec = {
    name: sandboxName('test', host),
    installation: 'test',
    scopeKey: 'test',
    agent: 'main',
    mounts: [workspaceMount(host, true)],
    owner: { uid, gid },
  }
  const backend = await chooseBackend({ backend: part, network: 'none', image }, never)
  const inside = new SandboxTree((script, stdin, signal) => session.run(script, stdin, signal), {
    root: '/',
  })
  const files = new HostTree({ root: host, owner: { uid, gid }, sandboxRoot: '/workspace' })
  const workspace = new BindWorkspace(() => Promise.resolve(backend), spec, files, inside)
  const session: Session = new Session(workspace, { ...options, ephemeral: true })

  const call = async (name: string, args: object, { signal, progress }: CallOptions = {}) => {
    const tool = tools.find((one) => one.name === name)
    if (tool === undefined) throw new Error(`there is no tool ${name}`)
    const result = await callTool(tool, args, {
      session,
      signal: signal ?? new AbortController().signal,
      progress: progress ?? (() => {}),
    })
    // As a client gets it.
    const { content, structuredContent, isError } = JSON.parse(JSON.stringify(result))
    return {
      text: content.map((block: { text?: string }) => block.text ?? '').join('\n'),
      facts: structuredContent,
      isError: isError === true,
      blocks: content.map((block: { type: string }) => block.type),
    }
  }
  return {
    session,
    host,
    backend,
    spec,
    call,
    sh: (command, args = {}, callOptions = {}) => call('exec', { command, ...args }, callOptions),
    close: async () => {
      await session.close()
      await backend.remove(spec.name, never)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
