/** What a server tidies up beside its session: soon after its start, and then now and again. */

import { refreshLogDirectories, sweepLogDirectories } from '../output/log-directory.ts'
import type { Backend } from '../sandbox.ts'
import type { Settings } from '../settings.ts'
import { privateWorkspaces, sweepPrivateWorkspaces } from './private-workspace.ts'
import { pruneSandboxes, pruneScope } from './prune.ts'
import { sweepEphemeral, sweepRecords } from './sweep.ts'

/** A client's first questions come at once, and what is tidied takes an engine: its code is large. */
const firstMs = 2_000
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
  #timer: NodeJS.Timeout
  #pruning: Promise<void> = Promise.resolve()

  /** Begins when a client has had its first answers; keeps no process alive. `log` is told a line once. */
  constructor(house: House, log: (line: string) => void) {
    this.#house = house
    this.#log = log
    this.#timer = setTimeout(() => this.#begin(), firstMs).unref()
  }

  /** Resolves when nothing is being removed any more. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#abort.abort()
    await this.#pruning
  }

  #begin(): void {
    const { settings, state } = this.#house
    sweepLogDirectories()
    sweepPrivateWorkspaces(privateWorkspaces(settings, state), state)
    this.#pruning = this.#tidy(true)
    this.#timer = setInterval(() => {
      refreshLogDirectories()
      this.#pruning = this.#pruning.then(() => this.#tidy(false))
    }, everyMs).unref()
  }

  async #tidy(isFirst: boolean): Promise<void> {
    const { settings, state, choose } = this.#house
    const { signal } = this.#abort
    if (isFirst) await sweepRecords(state, signal)
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
