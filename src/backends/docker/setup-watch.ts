/** Looks whether another server sets a sandbox up, and removes what one left half done. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { OpenContext } from '../../sandbox.ts'
import type { DockerEngine } from './engine.ts'
import { refuseForeign } from './labels.ts'
import type { Plan } from './plan.ts'
import { isLeased, setupName } from './setup.ts'

/** How long a container that is to be set up may be without the server that does it. */
const unleasedMs = 10_000
const pauseMs = 500

export class SetupWatch {
  readonly #engine: DockerEngine
  readonly #plan: Plan
  readonly #context: OpenContext
  #abandoned: { readonly id: string; readonly sinceMs: number } | undefined
  #isTold = false

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
      if (!this.#isTold) report(`another server sets up sandbox ${spec.name}`)
      this.#isTold = true
    } else if (this.#abandoned?.id !== found.id) {
      this.#abandoned = { id: found.id, sinceMs: Date.now() }
    } else if (Date.now() - this.#abandoned.sinceMs > unleasedMs) {
      report(`removing sandbox ${spec.name}: its setup was cut off`)
      await this.#engine.remove(found.id, signal)
      return false
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => {})
    return true
  }
}
