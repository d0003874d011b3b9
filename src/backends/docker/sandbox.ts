/** An open sandbox in a container: scripts are execs of the engine. */
import type { Channel, Sandbox, SandboxSpec } from '../../sandbox.ts'
import type { DockerEngine } from './engine.ts'
import type { EngineError } from './engine-error.ts'
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

  /** One that somebody has paused goes on, as at its opening. */
  async start(script: string, signal: AbortSignal): Promise<Channel> {
    const exec = () => this.#engine.exec(this.#id, this.name, ['sh', '-c', script], signal)
    const look = () => this.#engine.inspect(this.#id, signal)
    const channel = await exec()
      .catch(async (error: EngineError) => {
        if (error.statusCode === undefined) throw error
        const status = (await look())?.status
        if (status === 'paused') await this.#engine.unpause(this.#id, signal).catch(unlessRefused)
        // It was paused a moment ago.
        else if (status !== 'running' || error.statusCode !== 409) throw error
        return exec()
      })
      .catch(unlessGone(this.name, look))
    this.#channels.add(channel)
    channel.exit.catch(() => {}).finally(() => this.#channels.delete(channel))
    return channel
  }

  async close(): Promise<void> {
    for (const channel of this.#channels) channel.close()
  }
}

/** Another call may have made it go on just now: the next one tells. */
function unlessRefused(error: EngineError): void {
  if (error.statusCode === undefined) throw error
}
