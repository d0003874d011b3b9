/** An open sandbox in a container: scripts are execs of the engine. */
import type { Channel, Sandbox, SandboxSpec } from '../../sandbox.ts'
import type { DockerEngine } from './engine.ts'
import { unlessGone } from './exec-exit.ts'

const agentTarget = '/agent'

export class DockerSandbox implements Sandbox {
  readonly kind = 'docker'
  readonly name: string
  readonly root: string
  readonly agentRoot?: string
  readonly stale?: string
  readonly #engine: DockerEngine
  readonly #id: string
  readonly #channels = new Set<Channel>()

  constructor(engine: DockerEngine, spec: SandboxSpec, id: string, stale?: string) {
    this.name = spec.name
    this.root = spec.mounts[0].sandbox
    if (spec.mounts.some(({ sandbox }) => sandbox === agentTarget)) this.agentRoot = agentTarget
    if (stale !== undefined) this.stale = stale
    this.#engine = engine
    this.#id = id
  }

  async start(script: string, signal: AbortSignal): Promise<Channel> {
    const argv = ['sh', '-c', script]
    const look = () => this.#engine.inspect(this.#id, signal)
    const channel = await this.#engine
      .exec(this.#id, this.name, argv, signal)
      .catch(unlessGone(this.name, look))
    this.#channels.add(channel)
    channel.exit.catch(() => {}).finally(() => this.#channels.delete(channel))
    return channel
  }

  async close(): Promise<void> {
    for (const channel of this.#channels) channel.close()
  }
}
