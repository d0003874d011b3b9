/** Notes the use of a session's sandbox where other servers, and later ones, find it. */
import type { SandboxUse, UseClaim } from '../activity.ts'
import { isSandboxError } from '../errors.ts'
import type { BackendKind, OpenContext } from '../sandbox.ts'
import type { Settings } from '../settings.ts'
import { takeLease } from './lease.ts'
import type { SandboxPlan } from './plan-sandbox.ts'
import { forgetSandbox, readUse, type UseRecord, writeUse } from './use-record.ts'

/** A record that is younger is young enough. */
const touchMs = 3_000

export class NotedUse implements SandboxUse {
  readonly #state: string
  readonly #name: string
  #record: UseRecord

  constructor({ spec, state }: SandboxPlan, { session }: Pick<Settings, 'session'>) {
    const { name, agent, scopeKey, mounts } = spec
    this.#state = state
    this.#name = name
    this.#record = { usedMs: 0, settled: true, agent, session, scopeKey, workspace: mounts[0].host }
  }

  async begin(context: OpenContext): Promise<UseClaim> {
    const lease = await takeLease(this.#state, this.#name, context)
    const known = readUse(this.#state, this.#name)
    const { kind, lastError } = known ?? {}
    this.#note({
      ...(kind === undefined ? {} : { kind }),
      ...(lastError === undefined ? {} : { lastError }),
      settled: false,
    })
    return {
      touch: () => {
        if (Date.now() - this.#record.usedMs < touchMs) return
        lease.refresh()
        this.#note({})
      },
      end: () => {
        this.#note({ settled: true })
        lease.release()
      },
    }
  }

  opened(kind: BackendKind): void {
    const { lastError: _, ...rest } = this.#record
    this.#record = rest
    this.#note({ kind })
  }

  failed(error: Error): void {
    if (isSandboxError(error, 'CANCELLED')) return
    this.#note({ lastError: { text: error.message, atMs: Date.now() } })
  }

  /** The sandbox is confirmed to be gone. */
  forget(): void {
    forgetSandbox(this.#state, this.#name)
  }

  #note(changes: Partial<UseRecord>): void {
    this.#record = { ...this.#record, ...changes, usedMs: Date.now() }
    writeUse(this.#state, this.#name, this.#record)
  }
}
