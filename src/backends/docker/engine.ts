/**
 * The Docker Engine API as this server uses it, through dockerode, which is imported here only.
 * Every call has a deadline: an engine that accepts a connection and never answers is an error in
 * seconds, and an abort of the caller's signal ends the wait at once.
 */
import type { Duplex } from 'node:stream'
import Docker from 'dockerode'
import type { Channel } from '../../sandbox.ts'
import { dockerChannel } from './channel.ts'
import { type ContainerFacts, containerFacts } from './container-facts.ts'
import { withDeadline } from './deadline.ts'
import { connectionOptions, type Endpoint } from './endpoint.ts'
import { absent, type EngineError, isNameTaken, unanswered, unless } from './engine-error.ts'
import { type EngineTraits, engineTraits } from './engine-traits.ts'
import { execExit } from './exec-exit.ts'
import { pullImage } from './pull.ts'

/** For calls that only look; the others name their own. */
const lookMs = 10_000

/** What a container is created with, in the Engine API's words. */
export type ContainerOptions = Docker.ContainerCreateOptions

export class DockerEngine {
  /** How messages name it. */
  readonly name: string
  readonly #docker: Docker

  /** Asks nothing. Throws where no connection can be made to it at all. */
  constructor(endpoint: Endpoint) {
    this.name = endpoint.name
    this.#docker = new Docker(connectionOptions(endpoint))
  }

  /** Rejects with the connection's own error when nobody answers. */
  async ping(signal: AbortSignal): Promise<void> {
    const call = { engine: this.name, what: 'ping', deadlineMs: 3_000, signal }
    await withDeadline(call, () => this.#docker.ping())
  }

  /** The container of that name or id, or undefined when the engine says there is none. */
  async inspect(name: string, signal: AbortSignal): Promise<ContainerFacts | undefined> {
    const found = await this.#call('inspect', lookMs, signal, (abortSignal) =>
      this.#docker.getContainer(name).inspect({ abortSignal }),
    ).catch(absent)
    return found && containerFacts(found)
  }

  /** All containers, running or not, that carry the label. */
  async list(
    label: string,
    signal: AbortSignal,
  ): Promise<(Omit<ContainerFacts, 'exitCode' | 'mounts'> & { createdMs: number })[]> {
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

  /** The id of the new container; undefined when its name is taken. */
  async create(options: ContainerOptions, signal: AbortSignal): Promise<string | undefined> {
    const { name = '', platform, ..._body } = options
    try {
      const made = await this.#call('create', 60_000, signal, (abortSignal) =>
        // Taken apart, because dockerode would put all of it into the URL, the environment too.
        this.#docker.createContainer({
          _query: { name, ...(platform === undefined ? {} : { platform }) },
          _body,
          abortSignal,
        } as ContainerOptions),
      )
      return made.id
    } catch (error) {
      if (isNameTaken(error as EngineError)) return undefined
      throw error
    }
  }

  /** Gives a container another name; false when that is taken. */
  async rename(id: string, name: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#call('rename', lookMs, signal, (abortSignal) =>
        this.#docker.getContainer(id).rename({ name, abortSignal }),
      )
      return true
    } catch (error) {
      if (isNameTaken(error as EngineError)) return false
      throw error
    }
  }

  /** The driver of a network, or undefined when the engine says there is no such network. */
  async networkDriver(name: string, signal: AbortSignal): Promise<string | undefined> {
    const found = await this.#call('network inspect', lookMs, signal, () =>
      this.#docker.getNetwork(name).inspect(),
    ).catch(absent)
    return found?.Driver
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
  async processes(id: string, podman: boolean, signal: AbortSignal): Promise<string[]> {
    // Podman looks itself for its own words, and for those of ps runs the ps of the image, if any.
    const ps_args = podman ? 'pid,args' : '-eo pid,args'
    const table = await this.#call('top', lookMs, signal, (abortSignal) =>
      this.#docker.getContainer(id).top({ ps_args, abortSignal } as { ps_args: string }),
    )
    // Of a container that is being removed there is no list.
    return ((table.Processes ?? []) as string[][]).map((row) => row.slice(1).join(' '))
  }

  /** True when the engine has the image, for that platform if one is given. */
  async hasImage(
    reference: string,
    platform: string | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    const image = await this.#call('image inspect', lookMs, signal, () =>
      this.#docker.getImage(reference).inspect(),
    ).catch(absent)
    if (image === undefined) return false
    const [os, architecture] = platform?.split('/') ?? []
    return platform === undefined || (image.Os === os && image.Architecture === architecture)
  }

  /** Pulls an image, telling how far it is; gives up when nothing moves for a minute. */
  async pull(
    reference: string,
    platform: string | undefined,
    signal: AbortSignal,
    report: (line: string) => void,
  ): Promise<void> {
    const options = platform === undefined ? {} : { platform }
    const start = async () => this.#docker.pull(reference, options)
    const pull = { engine: this.name, reference, signal, report }
    await pullImage(start, pull).catch(unanswered(this.name))
  }

  async traits(signal: AbortSignal): Promise<EngineTraits> {
    const [info, version] = await Promise.all([
      this.#call('info', lookMs, signal, () => this.#docker.info()),
      this.#call('version', lookMs, signal, () => this.#docker.version()),
    ])
    return engineTraits(info, version)
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

  /** Runs a program in the container; messages call it `sandbox`. */
  async exec(
    id: string,
    sandbox: string,
    argv: readonly string[],
    signal: AbortSignal,
  ): Promise<Channel> {
    const exec = await this.#call('exec create', lookMs, signal, (abortSignal) =>
      this.#docker.getContainer(id).exec({
        Cmd: [...argv],
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
    return dockerChannel(stream, () =>
      execExit(
        sandbox,
        () => this.inspect(id, never),
        () => this.#call('exec inspect', lookMs, never, () => exec.inspect()),
      ),
    )
  }

  /** `BACKEND_UNAVAILABLE` also where the engine was stopped since it was found. */
  #call<T>(
    what: string,
    deadlineMs: number,
    signal: AbortSignal,
    run: (abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const call = { engine: this.name, what, deadlineMs, signal }
    return withDeadline(call, run).catch(unanswered(this.name))
  }
}
