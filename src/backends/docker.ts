/** Sandboxes in containers of a Docker-compatible engine, which is also their only registry. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isSandboxError, sandboxStartFailed, shown } from '../errors.ts'
import type {
  Backend,
  Channel,
  Check,
  OpenContext,
  Sandbox,
  SandboxInfo,
  SandboxSpec,
} from '../sandbox.ts'
import { dockerChecks, messageOf } from './docker/checks.ts'
import { type ContainerFacts, DockerEngine, type EngineError } from './docker/engine.ts'
import {
  configHash,
  containerOptions,
  type DockerSettings,
  dockerDefaults,
  isMainProcess,
  label,
  serverOf,
} from './docker/options.ts'
import { verifyMount } from './mount-check.ts'

/** How long another process may take to make the container that both want. */
const raceMs = 20_000

export class DockerBackend implements Backend {
  readonly kind = 'docker'
  readonly #settings: DockerSettings
  readonly checks: readonly Check[]
  readonly #connect: (signal: AbortSignal) => Promise<DockerEngine>
  #engine: Promise<DockerEngine> | undefined

  /** `connect` is for engines at other places than the usual ones. */
  constructor(settings: Partial<DockerSettings> = {}, connect = DockerEngine.connect) {
    this.#settings = { ...dockerDefaults, ...settings }
    this.#connect = (signal) => connect(signal)
    this.checks = dockerChecks((signal) => this.#reach(signal), this.#settings.image)
  }

  async open(spec: SandboxSpec, context: OpenContext): Promise<Sandbox> {
    const engine = await this.#reach(context.signal)
    const deadline = Date.now() + raceMs
    for (;;) {
      const found = await engine.inspect(spec.name, context.signal)
      if (found !== undefined) this.#refuseForeign(found, spec)
      const usable = found && (await this.#adopt(engine, found, spec, context))
      const container = usable ? found : await this.#create(engine, spec, context)
      // Another process can win the race to create it, or remove it under our hands: look again.
      // A name that is taken is not shown before its container is whole.
      if (container === undefined && Date.now() < deadline) {
        await sleep(50)
        continue
      }
      if (container === undefined) {
        throw sandboxStartFailed(
          `container ${spec.name} keeps appearing and vanishing`,
          'Look who removes it with "docker events", then call again.',
        )
      }
      const sandbox = new DockerSandbox(engine, spec, container.id)
      try {
        await verifyMount(sandbox, spec, context.signal)
        return sandbox
      } catch (error) {
        if (!usable) await engine.remove(container.id, new AbortController().signal)
        throw error
      }
    }
  }

  async list(installation: string, signal: AbortSignal): Promise<readonly SandboxInfo[]> {
    const engine = await this.#reach(signal)
    const containers = await engine.list(`${label.installation}=${installation}`, signal)
    return containers.map(({ name, labels, status, createdMs }) => ({
      name,
      kind: this.kind,
      state: stateOf(status),
      scopeKey: labels[label.scopeKey] ?? '',
      agent: labels[label.agent] ?? '',
      workspace: labels[label.workspace] ?? '',
      createdMs,
      ...(labels[label.ephemeral] ? { ephemeral: serverOf(labels[label.ephemeral] ?? '') } : {}),
    }))
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    const engine = await this.#reach(signal)
    await engine.remove(name, signal)
    // The engine answers "removal in progress" before it is done.
    while ((await engine.inspect(name, signal)) !== undefined) {
      await sleep(50)
    }
  }

  async #reach(signal: AbortSignal): Promise<DockerEngine> {
    this.#engine ??= this.#connect(signal)
    try {
      return await this.#engine
    } catch (error) {
      this.#engine = undefined
      throw error
    }
  }

  #refuseForeign(found: ContainerFacts, spec: SandboxSpec): void {
    const owner = found.labels[label.installation]
    if (owner === spec.installation) return
    throw sandboxStartFailed(
      `a container named ${spec.name} exists and ${owner === undefined ? 'is not a sandbox of this server' : `belongs to another installation (${owner})`}`,
      `Remove or rename it ("docker rm -f ${spec.name}"), or choose another --session.`,
    )
  }

  /** Makes a container of ours run, whatever state it is in. False: it was removed, make a new one. */
  async #adopt(
    engine: DockerEngine,
    found: ContainerFacts,
    spec: SandboxSpec,
    { signal, report }: OpenContext,
  ): Promise<boolean> {
    const stale = found.labels[label.config] !== configHash(spec, this.#settings)
    if (stale && (found.status !== 'running' || (await isIdle(engine, found.id, signal)))) {
      report(`rebuilding sandbox ${spec.name}: its settings changed`)
      await engine.remove(found.id, signal)
      return false
    }
    if (stale) report(`sandbox ${spec.name} is in use and keeps its old settings`)
    try {
      switch (found.status) {
        case 'running':
          return true
        case 'paused':
          await engine.unpause(found.id, signal)
          return true
        case 'created':
        case 'exited':
          report(`starting sandbox ${spec.name}`)
          await engine.start(found.id, signal)
          return true
        default:
          await engine.remove(found.id, signal)
          return false
      }
    } catch (error) {
      if (signal.aborted || isSandboxError(error)) throw error
      // It cannot be made to run, and nothing in it is worth more than a fresh start.
      await engine.remove(found.id, signal)
      return false
    }
  }

  /** Undefined when another process has made one of that name meanwhile. */
  async #create(engine: DockerEngine, spec: SandboxSpec, { signal, report }: OpenContext) {
    const { image } = this.#settings
    if (!(await engine.hasImage(image, signal))) {
      report(`pulling ${image}`)
      await engine.pull(image, signal, report).catch((error: unknown) => {
        if (signal.aborted || isSandboxError(error)) throw error
        throw sandboxStartFailed(
          `the image ${shown(image)} is not on this machine and could not be pulled: ${messageOf(error)}`,
          `Check the name, "docker pull ${image}" or "docker load" it, or choose one of "docker images" with --image.`,
          error,
        )
      })
    }
    report(`creating sandbox ${spec.name} from ${image}`)
    const never = new AbortController().signal
    const traits = await engine.traits(signal)
    const options = containerOptions(spec, this.#settings, traits)
    let id: string | undefined
    try {
      id = await engine.create(options, signal)
      if (spec.ephemeral) await engine.holdStdin(id, signal)
      await engine.start(id, signal)
      return { id }
    } catch (error) {
      if (id === undefined && (error as EngineError).statusCode === 409) return undefined
      // By name: a create that was cancelled may have been done all the same.
      const made = await engine.inspect(spec.name, never).catch(() => undefined)
      if (made && (made.id === id || (id === undefined && made.status === 'created'))) {
        await engine.remove(made.id, never).catch(() => {})
      }
      if (signal.aborted || isSandboxError(error)) throw error
      throw sandboxStartFailed(
        `a container from ${shown(image)} could not be started: ${messageOf(error)}`,
        'Act on what the engine says, then call again. Of the image only a POSIX sh is needed; the workspace must be shared with the engine.',
        error,
      )
    }
  }
}

class DockerSandbox implements Sandbox {
  readonly kind = 'docker'
  readonly name: string
  readonly root: string
  readonly #engine: DockerEngine
  readonly #id: string
  readonly #channels = new Set<Channel>()

  constructor(engine: DockerEngine, spec: SandboxSpec, id: string) {
    this.name = spec.name
    this.root = spec.mounts[0].sandbox
    this.#engine = engine
    this.#id = id
  }

  async start(script: string, signal: AbortSignal): Promise<Channel> {
    const channel = await this.#engine.exec(this.#id, this.name, script, signal)
    this.#channels.add(channel)
    channel.exit.catch(() => {}).finally(() => this.#channels.delete(channel))
    return channel
  }

  async close(): Promise<void> {
    for (const channel of this.#channels) channel.close()
  }
}

/** True when nothing runs inside but its main process: no session uses it. */
async function isIdle(engine: DockerEngine, id: string, signal: AbortSignal): Promise<boolean> {
  const lines = await engine.processes(id, signal)
  return lines.every((line) => line.includes('docker-init') || isMainProcess(line))
}

function stateOf(status: string): SandboxInfo['state'] {
  if (status === 'running' || status === 'paused') return status
  return status === 'created' || status === 'exited' ? 'stopped' : 'broken'
}
