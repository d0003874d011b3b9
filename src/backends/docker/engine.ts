/**
 * The Docker Engine API as this server uses it, through dockerode, which is imported here only.
 * Every call has a deadline: an engine that accepts a connection and never answers is an error in
 * seconds, and an abort of the caller's signal ends the wait at once.
 */
import type { Duplex, Readable } from 'node:stream'
import Docker from 'dockerode'
import { backendUnavailable, engineSilent, sandboxLost } from '../../errors.ts'
import type { Channel } from '../../sandbox.ts'
import { dockerChannel } from './channel.ts'
import { withDeadline } from './deadline.ts'
import { connectionOptions, endpoints } from './endpoint.ts'
import { followPull } from './pull.ts'

/** For calls that only look; the others name their own. */
const lookMs = 10_000
/** How long a pull may stand still. */
const pullStallMs = 60_000

export interface ContainerFacts {
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** `created running paused restarting removing exited dead`. */
  readonly status: string
}

export interface EngineTraits {
  /** Binds need a label, or confined containers may not touch the files. */
  readonly selinux: boolean
  /** It knows no owner of a tmpfs. */
  readonly podman: boolean
}

/** What a container is created with, in the Engine API's words. */
export type ContainerOptions = Docker.ContainerCreateOptions

/** An error the engine answered with. */
export interface EngineError extends Error {
  readonly statusCode?: number
}

export class DockerEngine {
  /** How messages name it. */
  readonly name: string
  readonly #docker: Docker

  private constructor(name: string, docker: Docker) {
    this.name = name
    this.#docker = docker
  }

  /** The first engine that answers, or `BACKEND_UNAVAILABLE` with what was tried. */
  static async connect(signal: AbortSignal, candidates = endpoints()): Promise<DockerEngine> {
    const refusals: string[] = []
    for (const endpoint of candidates) {
      const engine = new DockerEngine(endpoint.name, new Docker(connectionOptions(endpoint)))
      try {
        await engine.#call('ping', 3_000, signal, () => engine.#docker.ping())
        return engine
      } catch (error) {
        if (signal.aborted) throw error
        const { code } = error as NodeJS.ErrnoException
        if (code !== 'ENOENT') refusals.push(`${endpoint.name}: ${(error as Error).message}`)
      }
    }
    throw backendUnavailable(
      refusals.length > 0
        ? `no Docker engine answered (${refusals.join('; ')})`
        : 'no Docker engine is running: none of its usual sockets is there',
      'Start Docker (Docker Desktop, or "dockerd" as root), set DOCKER_HOST, or use --backend bubblewrap.',
    )
  }

  /** The container of that name or id, or undefined when the engine says there is none. */
  async inspect(name: string, signal: AbortSignal): Promise<ContainerFacts | undefined> {
    try {
      const found = await this.#call('inspect', lookMs, signal, (abortSignal) =>
        this.#docker.getContainer(name).inspect({ abortSignal }),
      )
      return {
        id: found.Id,
        name: found.Name.replace(/^\//, ''),
        labels: found.Config.Labels ?? {},
        status: found.State.Status,
      }
    } catch (error) {
      if ((error as EngineError).statusCode === 404) return undefined
      throw error
    }
  }

  /** All containers, running or not, that carry the label. */
  async list(
    label: string,
    signal: AbortSignal,
  ): Promise<(ContainerFacts & { createdMs: number })[]> {
    const all = await this.#call('list', lookMs, signal, (abortSignal) =>
      this.#docker.listContainers({ all: true, filters: { label: [label] }, abortSignal }),
    )
    return all.map((one) => ({
      id: one.Id,
      name: (one.Names[0] ?? '').replace(/^\//, ''),
      labels: one.Labels,
      status: one.State,
      createdMs: one.Created * 1000,
    }))
  }

  async create(options: ContainerOptions, signal: AbortSignal): Promise<string> {
    const made = await this.#call('create', 60_000, signal, (abortSignal) =>
      this.#docker.createContainer({ ...options, abortSignal }),
    )
    return made.id
  }

  /** Starts it; harmless when it runs. */
  async start(id: string, signal: AbortSignal): Promise<void> {
    await this.#call('start', 60_000, signal, async (abortSignal) => {
      await this.#docker.getContainer(id).start({ abortSignal }).catch(unless(304))
    })
  }

  async unpause(id: string, signal: AbortSignal): Promise<void> {
    await this.#call('unpause', lookMs, signal, (abortSignal) =>
      this.#docker.getContainer(id).unpause({ abortSignal }),
    )
  }

  /** Removes it with its anonymous volumes, running or not; harmless when it is gone or going. */
  async remove(id: string, signal: AbortSignal): Promise<void> {
    await this.#call('remove', 60_000, signal, async (abortSignal) => {
      await this.#docker
        .getContainer(id)
        .remove({ force: true, v: true, abortSignal })
        .catch(unless(404, 409))
    })
  }

  /** The command lines of what runs inside. */
  async processes(id: string, signal: AbortSignal): Promise<string[]> {
    const table = await this.#call('top', lookMs, signal, (abortSignal) =>
      this.#docker
        .getContainer(id)
        .top({ ps_args: '-eo pid,args', abortSignal } as { ps_args: string }),
    )
    return (table.Processes as string[][]).map((row) => row.slice(1).join(' '))
  }

  async hasImage(reference: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#call('image inspect', lookMs, signal, () =>
        this.#docker.getImage(reference).inspect(),
      )
      return true
    } catch (error) {
      if ((error as EngineError).statusCode === 404) return false
      throw error
    }
  }

  /** Pulls an image, telling how far it is; gives up when nothing moves for a minute. */
  async pull(
    reference: string,
    signal: AbortSignal,
    report: (line: string) => void,
  ): Promise<void> {
    const stream = (await this.#call('pull', pullStallMs, signal, () =>
      this.#docker.pull(reference),
    )) as Readable
    const stalled = new AbortController()
    const timer = setTimeout(() => stalled.abort(), pullStallMs)
    const either = AbortSignal.any([signal, stalled.signal])
    try {
      await this.#call('pull', 24 * 3_600_000, either, () =>
        followPull(stream, (progress) => {
          timer.refresh()
          report(`pulling ${reference}: ${progress}`)
        }),
      )
    } catch (error) {
      stream.destroy()
      throw stalled.signal.aborted ? engineSilent(this.name, 'pull', pullStallMs) : error
    } finally {
      clearTimeout(timer)
    }
  }

  /** What containers have to be made differently for. */
  async traits(signal: AbortSignal): Promise<EngineTraits> {
    const [info, version] = await Promise.all([
      this.#call('info', lookMs, signal, () => this.#docker.info()),
      this.#call('version', lookMs, signal, () => this.#docker.version()),
    ])
    const security = (info.SecurityOptions as string[] | undefined) ?? []
    return {
      selinux: security.some((option) => option.includes('selinux')),
      podman: (version.Components ?? []).some(({ Name }) => Name.includes('Podman')),
    }
  }

  /** Connects to the main process's stdin, which ends when the connection does (`StdinOnce`). */
  async holdStdin(id: string, signal: AbortSignal): Promise<Duplex> {
    const stream = await this.#call('attach', lookMs, signal, () =>
      this.#docker.getContainer(id).attach({ stream: true, stdin: true, hijack: true }),
    )
    stream.on('error', () => {})
    stream.resume()
    return stream as unknown as Duplex
  }

  /** Runs `sh -c script` in the container. */
  async exec(id: string, sandbox: string, script: string, signal: AbortSignal): Promise<Channel> {
    const exec = await this.#call('exec create', lookMs, signal, (abortSignal) =>
      this.#docker.getContainer(id).exec({
        Cmd: ['sh', '-c', script],
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        abortSignal,
      }),
    )
    // An abort after the upgrade would break the connection, so the caller's signal stays out.
    const stream = await this.#call('exec start', 30_000, signal, () =>
      exec.start({ hijack: true, stdin: true, Tty: false }),
    )
    const never = new AbortController().signal
    return dockerChannel(stream, async () => {
      const container = await this.inspect(id, never)
      if (container?.status !== 'running') {
        throw sandboxLost(
          sandbox,
          container === undefined ? 'it was removed' : `it is ${container.status}`,
        )
      }
      for (let pause = 5; pause < 5_000; pause *= 2) {
        const state = await this.#call('exec inspect', lookMs, never, () => exec.inspect())
        if (!state.Running && typeof state.ExitCode === 'number') return state.ExitCode
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
      throw sandboxLost(sandbox, 'the connection to a command in it broke')
    })
  }

  #call<T>(
    what: string,
    deadlineMs: number,
    signal: AbortSignal,
    run: (abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return withDeadline({ engine: this.name, what, deadlineMs, signal }, run)
  }
}

/** Lets the given status codes of the engine pass as success. */
function unless(...statusCodes: number[]) {
  return (error: EngineError) => {
    if (!statusCodes.includes(error.statusCode ?? 0)) throw error
  }
}
