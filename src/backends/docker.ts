/** Sandboxes in containers of a Docker-compatible engine, which is also their only registry. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { configInvalid, sandboxStartFailed } from '../errors.ts'
import type { Backend, Check, OpenContext, Sandbox, SandboxInfo, SandboxSpec } from '../sandbox.ts'
import { adopt } from './docker/adopt.ts'
import { parseBinds, withBinds } from './docker/bind-rules.ts'
import { checkSettings } from './docker/check-settings.ts'
import { dockerChecks } from './docker/checks.ts'
import type { ContainerFacts } from './docker/container-facts.ts'
import { createSandbox, type Plan } from './docker/create.ts'
import { DockerEngine } from './docker/engine.ts'
import type { EngineTraits } from './docker/engine-traits.ts'
import { infoOf, label } from './docker/labels.ts'
import { containerOptions, defaultImage } from './docker/options.ts'
import { findOwnContainer, hostPath, type OwnContainer } from './docker/own-container.ts'
import { refusal } from './docker/refusal.ts'
import { type DockerSettings, dockerDefaults } from './docker/settings.ts'
import { isLeased, sandboxNameOf, setupName } from './docker/setup.ts'

/** How long another process may take to make the container that both want. */
const raceMs = 20_000
/** How long a container that is to be set up may be without the server that does it. */
const unleasedMs = 10_000

/** What is asked of an engine once. */
interface Surroundings {
  readonly traits: EngineTraits
  readonly own: OwnContainer | undefined
}

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
  constructor(settings: Partial<DockerSettings> = {}, connect = DockerEngine.connect) {
    this.#settings = { ...dockerDefaults, ...settings }
    checkSettings(this.#settings)
    this.#connect = (signal) => connect(signal)
    const { image = defaultImage, platform } = this.#settings
    this.checks = dockerChecks((signal) => this.#reach(signal), image, platform)
  }

  async open(spec: SandboxSpec, context: OpenContext): Promise<Sandbox> {
    const { signal } = context
    const engine = await this.#reach(signal)
    const plan = await this.#plan(engine, spec, signal)
    const setup = new SetupWatch(engine, plan, context)
    let deadline = Date.now() + raceMs
    for (;;) {
      const found = await engine.inspect(spec.name, signal)
      if (found !== undefined) {
        refuseForeign(found, spec)
        const sandbox = await adopt(engine, found, plan, context)
        if (sandbox !== undefined) return sandbox
      }
      if (await setup.isOthers()) {
        deadline = Date.now() + raceMs
        continue
      }
      const made = await createSandbox(engine, plan, context)
      if (made !== undefined) return made
      // Another process can win the race to create it, or remove it under our hands: look again.
      // A name that is taken is not shown before its container is whole.
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
    return containers.map(({ name, labels, status, createdMs }) => ({
      ...infoOf(labels),
      name: sandboxNameOf(name),
      kind: this.kind,
      state: sandboxNameOf(name) === name ? stateOf(status) : 'broken',
      createdMs,
    }))
  }

  async configHash(spec: SandboxSpec, signal: AbortSignal): Promise<string> {
    const engine = await this.#reach(signal)
    return (await this.#plan(engine, spec, signal)).hash
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    const engine = await this.#reach(signal)
    for (const container of [name, setupName(name)]) {
      if ((await engine.inspect(container, signal)) === undefined) continue
      await engine.remove(container, signal)
      // The engine answers "removal in progress" before it is done.
      while ((await engine.inspect(container, signal)) !== undefined) await sleep(50)
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
    const settings = this.#settings
    const [workspace] = spec.mounts
    if (settings.workdir !== workspace.sandbox) {
      throw new Error(`workspace mounted at ${workspace.sandbox}, not at ${settings.workdir}`)
    }
    const mounts = withBinds(spec.mounts, parseBinds(settings, spec.mounts))
    if (mounts[0].host !== workspace.host) {
      throw configInvalid(
        `a bind puts ${mounts[0].host} in the place of the workspace ${workspace.host}`,
        'Give that directory as the workspace, and take it out of docker.binds.',
      )
    }
    const { traits, own } = await this.#look(engine, signal)
    const options = containerOptions({
      spec,
      settings,
      mounts:
        own === undefined ? mounts : mounts.map((m) => ({ ...m, host: hostPath(m.host, own) })),
      ...seccompOf(settings),
      traits,
    })
    return {
      spec: { ...spec, mounts },
      settings,
      options,
      hash: options.Labels?.[label.config] ?? '',
      podman: traits.podman !== undefined,
    }
  }
}

/** Looks whether another server sets the sandbox up, and removes what one left half done. */
class SetupWatch {
  readonly #engine: DockerEngine
  readonly #plan: Plan
  readonly #context: OpenContext
  #abandoned: { readonly id: string; readonly sinceMs: number } | undefined

  constructor(engine: DockerEngine, plan: Plan, context: OpenContext) {
    this.#engine = engine
    this.#plan = plan
    this.#context = context
  }

  /** True, after a pause, when one does or just may: look again. */
  async isOthers(): Promise<boolean> {
    const { spec, podman } = this.#plan
    const { signal, report } = this.#context
    const found = await this.#engine.inspect(setupName(spec.name), signal)
    if (found === undefined) return false
    refuseForeign(found, spec)
    if (await isLeased(this.#engine, found, podman, signal)) {
      this.#abandoned = undefined
      report(`another server sets up sandbox ${spec.name}`)
    } else if (this.#abandoned?.id !== found.id) {
      this.#abandoned = { id: found.id, sinceMs: Date.now() }
    } else if (Date.now() - this.#abandoned.sinceMs > unleasedMs) {
      report(`removing sandbox ${spec.name}: its setup was cut off`)
      await this.#engine.remove(found.id, signal)
      return false
    }
    await sleep(500, undefined, { signal }).catch(() => {})
    return true
  }
}

function refuseForeign(found: ContainerFacts, spec: SandboxSpec): void {
  const owner = found.labels[label.installation]
  if (owner === spec.installation) return
  throw sandboxStartFailed(
    `a container named ${found.name} exists and ${owner === undefined ? 'is not a sandbox of this server' : `belongs to another installation (${owner})`}`,
    `Remove or rename it ("docker rm -f ${found.name}"), or choose another --session.`,
  )
}

/** The text of the profile, for the engine to read. */
function seccompOf({ seccompProfile: path }: DockerSettings): { seccomp?: string } {
  if (path === undefined) return {}
  const because = (error: unknown) =>
    refusal(
      'seccompProfile',
      path,
      `cannot be used: ${(error as Error).message}`,
      'Give the path of a profile in the JSON that Docker reads.',
    )
  try {
    const text = readFileSync(path, 'utf8')
    JSON.parse(text)
    return { seccomp: text }
  } catch (error) {
    throw because(error)
  }
}

function stateOf(status: string): SandboxInfo['state'] {
  if (status === 'running' || status === 'paused') return status
  return status === 'created' || status === 'exited' ? 'stopped' : 'broken'
}
