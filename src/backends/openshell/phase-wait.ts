/** Waiting for a sandbox to leave a phase, which only looking again tells. */
import { setTimeout as sleep } from 'node:timers/promises'
import { backendUnavailable, cancelled } from '../../errors.ts'

/** Pauses between looks; the last is repeated. */
const pausesMs = [100, 200, 400, 800, 1_500]

/** Pauses that grow, until it has taken too long. */
export class PhaseWait {
  readonly #signal: AbortSignal
  readonly #limitMs: number
  #deadline: number
  #pauses = 0

  constructor(signal: AbortSignal, limitMs: number) {
    this.#signal = signal
    this.#limitMs = limitMs
    this.#deadline = Date.now() + limitMs
  }

  /** Something new was begun, which has all of the time again. */
  begin(): void {
    this.#deadline = Date.now() + this.#limitMs
    this.#pauses = 0
  }

  /** `phase` is what is to pass, for the error when it does not. Rejects with `CANCELLED` too. */
  async pause(name: string, phase: string): Promise<void> {
    if (Date.now() >= this.#deadline) throw stuck(name, phase, this.#limitMs)
    const ms = pausesMs[Math.min(this.#pauses, pausesMs.length - 1)]
    this.#pauses += 1
    await sleep(ms, undefined, { signal: this.#signal }).catch(() => {})
    if (this.#signal.aborted) throw cancelled('waiting for the sandbox')
  }
}

const stuck = (name: string, phase: string, afterMs: number) =>
  backendUnavailable(
    `sandbox ${name} is ${phase} for more than ${Math.round(afterMs / 1000)} s`,
    hints[phase] ?? `Look with "openshell logs ${name}", then call again.`,
  )

const hints: Readonly<Record<string, string>> = {
  Deleting:
    'Restart the gateway of OpenShell; if the sandbox is then still listed, remove its record as the manual of the gateway says.',
  // What the command calls a phase of a gateway that is newer.
  Unknown: 'Update the command openshell to the release of its gateway, then call again.',
}
