/** What a sandbox's container is made of: hardened, unless a setting says otherwise. Pure. */
import { createHash } from 'node:crypto'
import type { SandboxSpec, ServerProcess } from '../../sandbox.ts'
import type { ContainerOptions, EngineTraits } from './engine.ts'

export interface DockerSettings {
  readonly image: string
  /** A Docker network mode: `none` (our default), `bridge`, or a network's name. */
  readonly network: string
  /** The most processes and threads inside. */
  readonly pidsLimit: number
  readonly memoryBytes: number
}

export const dockerDefaults: DockerSettings = {
  // Git, Python, Node, a compiler and the usual tools: what a model expects of a computer.
  image: 'node:22-bookworm',
  network: 'none',
  pidsLimit: 1024,
  memoryBytes: 4 * 1024 ** 3,
}

/** A writable home that is no host directory and no part of the image. */
const home = '/home/sandbox'

export const label = {
  installation: 'sandbox-mcp.installation',
  scopeKey: 'sandbox-mcp.scope-key',
  agent: 'sandbox-mcp.agent',
  workspace: 'sandbox-mcp.workspace',
  config: 'sandbox-mcp.config',
  ephemeral: 'sandbox-mcp.ephemeral',
} as const

/**
 * The main process: waits for ever, or, for an ephemeral sandbox, until the server that holds its
 * stdin is gone in whatever way; the container is then removed by the engine.
 */
const waitForEver = 'trap "exit 0" TERM; while :; do sleep 86400 & wait $!; done'
const waitForServer = 'trap "exit 0" TERM; while read -r _; do :; done'

/** The name its processes have in a listing, apart from what commands run. */
export function isMainProcess(commandLine: string): boolean {
  return (
    commandLine.endsWith(waitForEver) ||
    commandLine.endsWith(waitForServer) ||
    commandLine === 'sleep 86400'
  )
}

export function containerOptions(
  spec: SandboxSpec,
  settings: DockerSettings,
  { selinux, podman }: EngineTraits,
): ContainerOptions {
  const user = `${spec.owner.uid}:${spec.owner.gid}`
  const owned = podman ? 'mode=1777' : `uid=${spec.owner.uid},gid=${spec.owner.gid},mode=0755`
  const tmpfs = 'rw,nosuid,nodev,exec'
  return {
    name: spec.name,
    Image: settings.image,
    Entrypoint: ['sh', '-c'],
    Cmd: [spec.ephemeral ? waitForServer : waitForEver],
    User: user,
    WorkingDir: spec.mounts[0].sandbox,
    Hostname: 'sandbox',
    Env: [`HOME=${home}`, 'LANG=C.UTF-8'],
    Labels: {
      [label.installation]: spec.installation,
      [label.scopeKey]: spec.scopeKey,
      [label.agent]: spec.agent,
      [label.workspace]: spec.mounts[0].host,
      [label.config]: configHash(spec, settings),
      ...(spec.ephemeral ? { [label.ephemeral]: serverText(spec.ephemeral) } : {}),
    },
    OpenStdin: spec.ephemeral !== undefined,
    StdinOnce: spec.ephemeral !== undefined,
    StopSignal: 'SIGKILL',
    HostConfig: {
      // Reaps the zombies of commands, which would fill the process limit.
      Init: true,
      AutoRemove: spec.ephemeral !== undefined,
      ReadonlyRootfs: true,
      Tmpfs: {
        '/tmp': `${tmpfs},mode=1777`,
        '/var/tmp': `${tmpfs},mode=1777`,
        '/run': `${tmpfs},mode=0755`,
        [home]: `${tmpfs},${owned}`,
      },
      NetworkMode: settings.network,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: settings.pidsLimit,
      Memory: settings.memoryBytes,
      // The same number: no swap on top.
      MemorySwap: settings.memoryBytes,
      ...mounts(spec, selinux),
    },
  }
}

/**
 * Mounts refuse a source that does not exist, where binds make it; but only binds can relabel for
 * SELinux, without which a confined container may not touch the files.
 */
function mounts(spec: SandboxSpec, selinux: boolean) {
  if (selinux) {
    return {
      Binds: spec.mounts.map((m) => `${m.host}:${m.sandbox}:${m.writable ? 'z' : 'ro,z'}`),
    }
  }
  return {
    Mounts: spec.mounts.map((m) => ({
      Type: 'bind' as const,
      Source: m.host,
      Target: m.sandbox,
      ReadOnly: !m.writable,
    })),
  }
}

/** Differs when a container that was made then would be made differently now. */
export function configHash(spec: SandboxSpec, settings: DockerSettings): string {
  const made = [
    settings.image,
    settings.network,
    settings.pidsLimit,
    settings.memoryBytes,
    spec.mounts.map((m) => [m.host, m.sandbox, m.writable]),
    [spec.owner.uid, spec.owner.gid],
    // Raised when this file makes containers differently.
    1,
  ]
  return createHash('sha256').update(JSON.stringify(made)).digest('hex').slice(0, 32)
}

const serverText = ({ pid, started }: ServerProcess) => `${pid}:${started}`

export function serverOf(text: string): ServerProcess {
  const [pid = '', ...started] = text.split(':')
  return { pid: Number(pid), started: started.join(':') }
}
