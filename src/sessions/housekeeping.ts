/** What a server tidies up beside its session: at its start, and then now and again. */
import type { Backend } from '../sandbox.ts'
import type { Settings } from '../settings.ts'
import { sweepLogDirectories } from './log-directory.ts'
import { privateWorkspaces, sweepPrivateWorkspaces } from './private-workspace.ts'
import { pruneSandboxes, pruneScope } from './prune.ts'
import { sweepEphemeral } from './sweep.ts'

const everyMs = 15 * 60_000

export interface House {
  readonly settings: Settings
  /** Where this server keeps what it must remember. */
  readonly state: string
  readonly installation: string
  readonly choose: (signal: AbortSignal) => Promise<Backend>
}

export class Housekeeping {
  readonly #house: House
  readonly #log: (line: string) => void
  readonly #abort = new AbortController()
  readonly #said = new Set<string>()
  readonly #timer: NodeJS.Timeout
  #pruning: Promise<void>

  /** Begins at once, in the background; keeps no process alive. `log` is told a line once. */
  constructor(house: House, log: (line: string) => void) {
    this.#house = house
    this.#log = log
    const { settings, state } = house
    sweepLogDirectories()
    sweepPrivateWorkspaces(privateWorkspaces(settings, state))
    this.#pruning = this.#tidy(true)
    this.#timer = setInterval(() => {
      this.#pruning = this.#pruning.then(() => this.#tidy(false))
    }, everyMs).unref()
  }

  /** Resolves when nothing is being removed any more. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#abort.abort()
    await this.#pruning
  }

  async #tidy(isFirst: boolean): Promise<void> {
    const { settings, choose } = this.#house
    const { signal } = this.#abort
    const backend = await choose(signal).catch(() => undefined)
    if (backend === undefined || signal.aborted) return
    const report = (line: string) => {
      if (!this.#said.has(line)) this.#log(line)
      this.#said.add(line)
    }
    const scope = pruneScope(settings, { ...this.#house, backend })
    if (isFirst) await sweepEphemeral(scope, signal)
    await pruneSandboxes(scope, report, signal)
  }
}
