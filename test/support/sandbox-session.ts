/** A session wired as the server wires it, in a real sandbox, whose tools are called without MCP. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll } from 'vitest'
import { openShellDefaults } from '../../src/backends/openshell/settings.ts'
import { callTool } from '../../src/mcp/call-tool.ts'
import type { Sight } from '../../src/resources/sight.ts'
import type { Backend, SandboxSpec } from '../../src/sandbox.ts'
import type { Session } from '../../src/session.ts'
import type { SessionOptions } from '../../src/session-options.ts'
import { makeSession } from '../../src/sessions/make-session.ts'
import { planSandbox } from '../../src/sessions/plan-sandbox.ts'
import { workspaceKind } from '../../src/sessions/workspace-kind.ts'
import type { Settings } from '../../src/settings.ts'
import { toolsFor } from '../../src/tools/all.ts'
import { aliases } from '../../src/workspace.ts'
import { describeWhere, images, type Part } from './available.ts'
import { type OpenShellDouble, startOpenShellDouble } from './openshell/double.ts'
import { openShellSettings } from './openshell-settings.ts'
import { settingsWith } from './settings.ts'
import { type SshServer, startSshServer } from './ssh-server.ts'
import { Ssh2Server } from './ssh2-server.ts'
import { toldInFacts } from './told-in-facts.ts'

const never = new AbortController().signal

interface Told {
  readonly text: string
  readonly facts: Record<string, unknown>
  readonly isError: boolean
  /** The types of the blocks. */
  readonly blocks: readonly string[]
}

export interface CallOptions {
  readonly signal?: AbortSignal
  readonly progress?: (done: number, message: string) => void
}

export interface TestSession {
  readonly session: Session
  readonly sight: Sight
  /** The directory on the host that was chosen as the workspace. */
  readonly host: string
  /** Where the workspace's files are on this machine: the same, or the remote copy. */
  readonly files: string
  /** How commands call it, and the user's directory beside it. */
  readonly root: string
  readonly agent: string
  /** Whether the workspace is a copy that was filled once. */
  readonly remote: boolean
  /** Whether what the sandbox has are the host's own directories. */
  readonly mounted: boolean
  readonly backend: Backend
  readonly spec: SandboxSpec
  call(tool: string, args: object, options?: CallOptions): Promise<Told>
  /** Calls exec. */
  sh(command: string, args?: object, options?: CallOptions): Promise<Told>
  /** Ends every connection to the machine that the sandbox is on, as a broken network does. */
  cut(): void
  /** Ends the session, and leaves the sandbox and the workspace. */
  end(): Promise<void>
  /** Ends the session, and removes the sandbox and the workspace. */
  close(): Promise<void>
}

export interface OpenOptions extends Omit<SessionOptions, 'ephemeral'> {
  readonly settings?: Partial<Settings>
  /** Called before anything is opened, with the workspace on the host. */
  readonly prepare?: (host: string) => void
  /** False: nothing is opened until a tool is called, and what opening tells is told then. */
  readonly warm?: boolean
  /** Another server on the directories of that session. */
  readonly beside?: TestSession
}

export type Opener = (options?: OpenOptions) => Promise<TestSession>

interface Subject {
  readonly title: string
  readonly part: Part
  readonly start: () => Promise<Started>
  readonly stop?: () => Promise<void>
}

interface Started {
  readonly settings: Partial<Settings>
  /** Where the sandbox is to hold the user's directory beside the workspace. */
  readonly settingsForBoth?: Partial<Settings>
  /** Where things are of a sandbox that is no mount of the host's directories. */
  readonly far?: (spec: SandboxSpec) => Far
  /** What the directories are called inside, where that is not what mounts are called. */
  readonly names?: (spec: SandboxSpec) => Names
  readonly cut?: () => void
}

/** The directories, as commands call them. */
interface Names {
  readonly root: string
  readonly agent: string
}

interface Far extends Names {
  /** The workspace's files, on this machine. */
  readonly files: string
}

/** Runs `fn` for bubblewrap, for Docker, for a mirrored workspace and for those on other machines, where they are there. */
export function describeSessions(name: string, fn: (open: Opener) => void): void {
  const docker = (image: string) => async () => ({
    settings: { backend: 'docker', image } as const,
  })
  describeSubject(name, fn, {
    title: 'bubblewrap',
    part: 'bubblewrap',
    start: async () => ({ settings: { backend: 'bubblewrap' } }),
  })
  describeSubject(name, fn, {
    title: 'docker, debian image',
    part: 'docker',
    start: docker(images.debian),
  })
  describeSubject(name, fn, {
    title: 'docker, busybox image',
    part: 'docker',
    start: docker(images.busybox),
  })
  describeSubject(name, fn, openShellSubject('mirror'))
  describeFarSessions(name, fn)
}

/** Runs `fn` on all that hold a copy of the workspace. */
export function describeFarSessions(name: string, fn: (open: Opener) => void): void {
  describeSshSessions(name, fn)
  describeSubject(name, fn, openShellSubject('remote'))
}

function openShellSubject(mode: 'mirror' | 'remote'): Subject {
  let double: OpenShellDouble | undefined
  return {
    title: `OpenShell, ${mode}`,
    part: 'openshell-double',
    start: async () => {
      const started = await startOpenShellDouble()
      double = started
      const settings = openShellSettings(started, mode)
      const both = { remoteWorkspaceDir: '/sandbox/own', remoteAgentWorkspaceDir: '/sandbox/agent' }
      // What no policy says otherwise can write below /sandbox alone.
      const openshell = { ...openShellDefaults, ...settings.openshell, ...both }
      const names = ({ mounts }: SandboxSpec) => ({
        root: mounts.length === 1 ? '/sandbox' : both.remoteWorkspaceDir,
        agent: both.remoteAgentWorkspaceDir,
      })
      const far = (spec: SandboxSpec) => ({
        ...names(spec),
        get files() {
          const place = started.newestWorkspace()
          return spec.mounts.length === 1 ? place : join(place, 'own')
        },
      })
      const settingsForBoth = { ...settings, openshell }
      const cut = () => void started.dropConnections()
      return { settings, settingsForBoth, cut, ...(mode === 'remote' ? { far } : { names }) }
    },
    stop: async () => double?.close(),
  }
}

/** Runs `fn` on OpenSSH's sshd, with this machine's tools and with BusyBox's alone, and on ssh2's own server. */
export function describeSshSessions(name: string, fn: (open: Opener) => void): void {
  describeSubject(
    name,
    fn,
    sshSubject('ssh', async () => []),
  )
  let tools = ''
  const busybox = sshSubject('ssh, busybox tools', async () => {
    tools = mkdtempSync(join(tmpdir(), 'sandbox-mcp-busybox-'))
    await execa('busybox', ['--install', '-s', tools])
    return [`SetEnv PATH=${tools} SHLVL=1`]
  })
  describeSubject(name, fn, {
    ...busybox,
    stop: async () => {
      await busybox.stop?.()
      rmSync(tools, { recursive: true, force: true })
    },
  })
  let other: Ssh2Server | undefined
  describeSubject(name, fn, {
    title: "ssh, ssh2's server",
    part: 'ssh',
    start: async () => {
      other = await Ssh2Server.start()
      const settings = { backend: 'ssh', ssh: other.settings } as const
      return { settings, far: farIn(other.settings.workspaceRoot), cut: () => other?.drop() }
    },
    stop: async () => other?.close(),
  })
}

/** Where files are on a server that runs on this machine. */
const farIn =
  (sandboxes = '') =>
  ({ name }: SandboxSpec) => {
    const root = join(sandboxes, name, 'workspace')
    return { files: root, root, agent: join(sandboxes, name, 'agent') }
  }

function sshSubject(title: string, config: () => Promise<string[]>): Subject {
  let server: SshServer | undefined
  return {
    title,
    part: 'ssh',
    start: async () => {
      server = await startSshServer(await config())
      const settings = { backend: 'ssh', ssh: server.settings } as const
      const cut = () => server?.cut()
      return { settings, far: farIn(server.settings.workspaceRoot), cut }
    },
    stop: async () => server?.close(),
  }
}

function describeSubject(name: string, fn: (open: Opener) => void, subject: Subject): void {
  describeWhere(subject.part, `${subject.title}: ${name}`, () => {
    let started: Started
    beforeAll(async () => {
      started = await subject.start()
    })
    afterAll(() => subject.stop?.())
    fn((options) => openSession(started, options))
  })
}

/** Where the servers of a session keep what they must remember. */
export const stateOf = ({ host }: TestSession) => join(host, '..', 'state')

const mountNames = (): Names => ({ root: aliases.workspace, agent: aliases.agent })

export async function openSession(
  { settings: one, settingsForBoth = one, far, names = mountNames, cut }: Started,
  { settings, prepare, warm = true, beside, ...limits }: OpenOptions = {},
): Promise<TestSession> {
  const directory =
    beside === undefined
      ? realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-session-')))
      : join(beside.host, '..')
  const [host, state] = [join(directory, 'workspace'), join(directory, 'state')]
  mkdirSync(host, { recursive: true })
  mkdirSync(state, { recursive: true })
  prepare?.(host)
  const base = settings?.access === 'ro' ? settingsForBoth : one
  const all = settingsWith({ workspace: { path: host, source: 'a test' }, ...base, ...settings })
  const plan = planSandbox(all, state)
  const { session, choose, sight } = makeSession(all, plan, limits)
  const { spec, access } = plan
  const offered = toolsFor(access)
  const backend = await choose(never)
  const places = far === undefined ? { files: spec.mounts[0].host, ...names(spec) } : far(spec)
  if (far !== undefined && warm) {
    await session.sandbox({ signal: never, report: () => {} })
    session.takeNews()
  }

  const call = async (name: string, args: object, { signal, progress }: CallOptions = {}) => {
    const tool = offered.find((one) => one.name === name)
    if (tool === undefined) throw new Error(`there is no tool ${name}`)
    const result = await callTool(tool, args, {
      session,
      signal: signal ?? new AbortController().signal,
      progress: (done, message) => progress?.(done, message()),
    })
    // As a client gets it.
    const { content, structuredContent, isError } = JSON.parse(JSON.stringify(result))
    toldInFacts(content, structuredContent)
    return {
      text: content.map((block: { text?: string }) => block.text ?? '').join('\n'),
      facts: structuredContent,
      isError: isError === true,
      blocks: content.map((block: { type: string }) => block.type),
    }
  }
  return {
    session,
    sight,
    host,
    get files() {
      return places.files
    },
    root: places.root,
    agent: places.agent,
    remote: far !== undefined,
    mounted: workspaceKind(all) === 'bind',
    backend,
    spec,
    call,
    sh: (command, args = {}, callOptions = {}) => call('exec', { command, ...args }, callOptions),
    cut: () => cut?.(),
    end: () => session.close(),
    close: async () => {
      await session.close()
      await backend.remove(spec.name, never)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
