/** Sandboxes in containers of a Docker-compatible engine, which is also their only registry. */
import { setTimeout as sleep } from 'node:timers/promises'
import { sandboxStartFailed } from '../errors.ts'
import type { Backend, Check, OpenContext, Sandbox, SandboxInfo, SandboxSpec } from '../sandbox.ts'
import { adopt } from './docker/adopt.ts'
import { checkSettings } from './docker/check-settings.ts'
import { dockerChecks, messageOf } from './docker/checks.ts'
import { connectEngine } from './docker/connect.ts'
import { createSandbox } from './docker/create.ts'
import type { DockerEngine } from './docker/engine.ts'
import type { EngineError } from './docker/engine-error.ts'
import { infoOf, label, refuseForeign } from './docker/labels.ts'
import { defaultImage } from './docker/options.ts'
import { findOwnContainer } from './docker/own-container.ts'
import { makePlan, type Plan, type Surroundings } from './docker/plan.ts'
import { type DockerSettings, dockerDefaults } from './docker/settings.ts'
import { sandboxNameOf, setupName } from './docker/setup.ts'
import { SetupWatch } from './docker/setup-watch.ts'
import { isSandboxName } from './sandbox-name.ts'

/** How long another process may take to make the container that both want. */
const raceMs = 20_000
export class DockerBackend implements Backend {
  readonly kind = 'docker'
  readonly #settings: DockerSettings
  readonly checks: readonly Check[]
  readonly #connect: (signal: AbortSignal) => Promise<DockerEngine>
  #engine: Promise<DockerEngine> | undefined
  #surroundings: Promise<Surroundings> | undefined

  /**
   * `CONFIG_INVALID` for settings that no engine could honour. `connect` is for engines at other
   * places than the usual ones.
   */
  constructor(settings: Partial<DockerSettings> = {}, connect = connectEngine) {
    this.#settings = { ...dockerDefaults, ...settings }
    checkSettings(this.#settings)
    this.#connect = (signal) => connect(signal)
    const { image = defaultImage, platform } = this.#settings
    this.checks = dockerChecks((signal) => this.#reach(signal), image, platform)
  }

  async open(spec: SandboxSpec, context: OpenContext): Promise<Sandbox> {
    const { signal } = context
    const engine = await this.#reach(signal)
    try {
      return await this.#openOn(engine, spec, context)
    } catch (error) {
      // What an engine may answer to any call, such as that its disk is full.
      if (signal.aborted || (error as EngineError).statusCode === undefined) throw error
      throw sandboxStartFailed(
        `sandbox ${spec.name} could not be opened: ${messageOf(error)}`,
        'Act on what the engine says, then call again.',
        error,
      )
    }
  }

  async #openOn(engine: DockerEngine, spec: SandboxSpec, context: OpenContext): Promise<Sandbox> {
    const { signal } = context
    const plan = await this.#plan(engine, spec, signal)
    const setup = new SetupWatch(engine, plan, context)
    // Begins with a lost race: what comes before it, as pulling the image does, may take its time.
    let deadline: number | undefined
    for (;;) {
      const found = await engine.inspect(spec.name, signal)
      if (found !== undefined) {
        refuseForeign(found, spec)
        const sandbox = await adopt(engine, found, plan, context)
        if (sandbox !== undefined) return sandbox
      }
      if (await setup.isOthers()) {
        deadline = undefined
        continue
      }
      const made = await createSandbox(engine, plan, context)
      if (made !== undefined) return made
      // Another process can win the race to create it, or remove it under our hands: look again.
      // A name that is taken is not shown before its container is whole.
      deadline ??= Date.now() + raceMs
      if (Date.now() >= deadline) {
        throw sandboxStartFailed(
          `container ${spec.name} keeps appearing and vanishing`,
          'Look who removes it with "docker events", then call again.',
        )
      }
      await sleep(50)
    }
  }

  async list(
    installation: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly SandboxInfo[]> {
    const engine = await this.#reach(signal)
    const ours = installation === undefined ? '' : `=${installation}`
    const containers = await engine.list(`${label.installation}${ours}`, signal)
    const named = containers.filter(({ name }) => isContainerName(name))
    return named.map(({ name, labels, status, createdMs }): SandboxInfo => {
      const own = { ...infoOf(labels), kind: this.kind, createdMs } as const
      const sandbox = sandboxNameOf(name)
      if (!isSandboxName(sandbox)) return { ...own, name, state: 'renamed' }
      return { ...own, name: sandbox, state: sandbox === name ? stateOf(status) : 'broken' }
    })
  }

  async configHash(spec: SandboxSpec, signal: AbortSignal): Promise<string> {
    const engine = await this.#reach(signal)
    return (await this.#plan(engine, spec, signal)).hash
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    const engine = await this.#reach(signal)
    const isRenamed = !isSandboxName(name)
    // One that was renamed has no other beside it, and what is called so is somebody else's.
    for (const container of isRenamed ? [name] : [name, setupName(name)]) {
      const found = await engine.inspect(container, signal)
      if (found === undefined) continue
      // Such a name may be another one's by now, and engines take the beginning of an id for a name too.
      if (isRenamed && (found.name !== name || found.labels[label.installation] === undefined))
        continue
      // By its id: a server that uses it makes another one of that name at once.
      await engine.remove(found.id, signal)
      // The engine answers "removal in progress" before it is done.
      while ((await engine.inspect(found.id, signal)) !== undefined) await sleep(50)
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

  async #look(engine: DockerEngine, signal: AbortSignal): Promise<Surroundings> {
    const look = async () => ({
      traits: await engine.traits(signal),
      own: await findOwnContainer(engine, signal),
    })
    this.#surroundings ??= look()
    try {
      return await this.#surroundings
    } catch (error) {
      this.#surroundings = undefined
      throw error
    }
  }

  async #plan(engine: DockerEngine, spec: SandboxSpec, signal: AbortSignal): Promise<Plan> {
    return makePlan(spec, this.#settings, await this.#look(engine, signal))
  }
}

/** As engines take them. What is kept of a sandbox is in files of its name, so nothing else may pass. */
const isContainerName = (name: string) => /^[A-Za-z0-9][\w.-]*$/.test(name)

function stateOf(status: string): SandboxInfo['state'] {
  if (status === 'running' || status === 'paused') return status
  return status === 'created' || status === 'exited' ? 'stopped' : 'broken'
}
