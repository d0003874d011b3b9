/**
 * The container that this server itself runs in, if the engine that makes sandboxes knows it: a
 * server in a container with the host's engine socket. What it calls `/work` the engine's machine
 * calls something else, and its own mounts tell what.
 */
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { text } from 'node:stream/consumers'
import { sandboxStartFailed, shown } from '../../errors.ts'
import type { ContainerMount } from './container-facts.ts'
import { withDeadline } from './deadline.ts'
import type { DockerEngine } from './engine.ts'
import { isBelow } from './paths-inside.ts'

export interface OwnContainer {
  readonly id: string
  readonly mounts: readonly ContainerMount[]
}

/** What the system shows a process about the container it is in. */
export interface Traces {
  readonly cgroup: string
  readonly mountinfo: string
  readonly hostname: string
  /** An engine left its mark at the root: `/.dockerenv`, `/run/.containerenv`. */
  readonly marked: boolean
}

/** The most containers that are looked at. */
const mostCandidates = 8
const probeMs = 5_000

/** Undefined outside of containers, and when the engine is not the one that runs ours. */
export async function findOwnContainer(
  engine: DockerEngine,
  signal: AbortSignal,
): Promise<OwnContainer | undefined> {
  if (process.platform !== 'linux') return undefined
  for (const candidate of candidates(readTraces())) {
    const found = await engine.inspect(candidate, signal)
    if (found?.status !== 'running') continue
    const seen = await askIdentity(engine, found.id, signal).catch((error: unknown) => {
      if (signal.aborted) throw error
    })
    if (seen === identity()) return { id: found.id, mounts: found.mounts }
  }
  return undefined
}

/** Ids and names of containers that this process may be in, the likeliest first. Pure. */
export function candidates({ cgroup, mountinfo, hostname: name, marked }: Traces): string[] {
  const ids = [...cgroup.matchAll(/(?:^|[/:-])([0-9a-f]{64})(?=$|[/.])/gm)].map(([, id]) => id)
  // These three files are mounts inside of containers only, out of the container's own directory.
  const files = /\/([0-9a-f]{64})\/(?:\S+\/)?(?:hostname|hosts|resolv\.conf) \/etc\/\S+ /g
  const fromMounts = [...mountinfo.matchAll(files)].map(([, id]) => id)
  const all = [...fromMounts, ...ids].filter((id) => id !== undefined)
  const named = (marked || all.length > 0) && name !== '' ? [name] : []
  return [...new Set([...all, ...named])].slice(0, mostCandidates)
}

/**
 * What the engine's machine calls a path of this server. `SANDBOX_START_FAILED`, with all mounts of
 * our container, for what the engine cannot mount: our own root file system, volumes, memory. Pure.
 */
export function hostPath(path: string, own: OwnContainer): string {
  const [mount] = own.mounts
    .filter(({ destination }) => isBelow(path, destination))
    .sort((one, other) => other.destination.length - one.destination.length)
  if (mount?.type === 'bind') {
    const rest = path.slice(mount.destination === '/' ? 0 : mount.destination.length)
    return `${mount.source.replace(/\/$/, '')}${rest}` || '/'
  }
  const place =
    mount === undefined
      ? 'is in its own file system'
      : `is in its ${mount.type} ${mount.destination}`
  const all = own.mounts.map(
    ({ type, source, destination }) => `${destination} = ${type === 'bind' ? source : `(${type})`}`,
  )
  throw sandboxStartFailed(
    `this server runs in container ${own.id.slice(0, 12)}, and ${shown(path)} ${place}, which a sandbox cannot mount; what its mounts are on the host: ${all.join(', ') || 'none'}`,
    'Start the server\'s container with "-v /directory/on/the/host:/project", and give /project as the --workspace.',
  )
}

/** The same text in all processes of one container, and in no other. */
const tellIdentity = `const fs=require('fs');process.stdout.write(fs.readFileSync('/proc/sys/kernel/random/boot_id','utf8').trim()+' '+fs.readlinkSync('/proc/self/ns/mnt'))`

/** Our own program is there, whatever else is not. */
async function askIdentity(engine: DockerEngine, id: string, signal: AbortSignal) {
  const channel = await engine.exec(id, id, [process.execPath, '-e', tellIdentity], signal)
  channel.stdin.on('error', () => {})
  channel.stdin.end()
  channel.stderr.resume()
  const call = { engine: engine.name, what: 'exec', deadlineMs: probeMs, signal }
  try {
    return await withDeadline(call, () => text(channel.stdout))
  } finally {
    channel.close()
  }
}

function identity(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return `${boot} ${readlinkSync('/proc/self/ns/mnt')}`
}

function readTraces(): Traces {
  const read = (path: string) => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return ''
    }
  }
  return {
    cgroup: read('/proc/self/cgroup'),
    mountinfo: read('/proc/self/mountinfo'),
    hostname: hostname(),
    marked: existsSync('/.dockerenv') || existsSync('/run/.containerenv'),
  }
}
