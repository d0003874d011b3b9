/** Notes the use of a session's sandbox where other servers, and later ones, find it. */
import type { SandboxUse, UseClaim } from '../activity.ts'
import { isSandboxError } from '../errors.ts'
import type { BackendKind, OpenContext } from '../sandbox.ts'
import type { Settings } from '../settings.ts'
import { takeLease } from './lease.ts'
import type { SandboxPlan } from './plan-sandbox.ts'
import { isMarked, isUnsettled, leftMarks, markUnsettled, unmark } from './unsettled.ts'
import { forgetSandbox, readUse, type UseRecord, writeUse } from './use-record.ts'
import { type WorkspaceKind, workspaceKind } from './workspace-kind.ts'

/** A record that is younger is young enough. */
const touchMs = 3_000

export class NotedUse implements SandboxUse {
  readonly #state: string
  readonly #name: string
  readonly #kind: WorkspaceKind
  #record: UseRecord
  /** Of the lease, while there is one. */
  #id: string | undefined

  constructor({ spec, state }: SandboxPlan, settings: Settings) {
    const { name, agent, scopeKey, mounts } = spec
    this.#state = state
    this.#name = name
    this.#kind = workspaceKind(settings)
    const { session } = settings
    this.#record = { usedMs: 0, agent, session, scopeKey, workspace: mounts[0].host }
  }

  async begin(context: OpenContext): Promise<UseClaim> {
    const lease = await takeLease(this.#state, this.#name, context)
    try {
      this.#mark(lease.id)
    } catch (error) {
      lease.release()
      throw error
    }
    this.#id = lease.id
    const known = readUse(this.#state, this.#name)
    const { kind, workspaces, lastError } = known ?? {}
    this.#note({
      ...(kind === undefined ? {} : { kind }),
      ...(workspaces === undefined ? {} : { workspaces }),
      ...(lastError === undefined ? {} : { lastError }),
    })
    return {
      touch: () => {
        if (Date.now() - this.#record.usedMs < touchMs) return
        lease.refresh()
        this.#note({})
      },
      end: (isSettled) => {
        this.#note({})
        // What is in a copy never comes back.
        if (isSettled && this.#kind === 'mirror') unmark(this.#state, lease.id)
        lease.release()
        if (this.#id === lease.id) this.#id = undefined
      },
    }
  }

  opened(kind: BackendKind): void {
    // Who recreates a sandbox forgets the marks of those whose lease does not count there; a use that goes on is
    // one of the new sandbox.
    if (this.#id !== undefined) this.#mark(this.#id)
    const { lastError: _, ...rest } = this.#record
    this.#record = rest
    this.#note({ kind, workspaces: this.#kind })
  }

  failed(error: Error): void {
    if (isSandboxError(error, 'CANCELLED')) return
    this.#note({ lastError: { text: error.message, atMs: Date.now() } })
  }

  forget(): void {
    forgetSandbox(this.#state, this.#name)
  }

  left(): () => void {
    return leftMarks(this.#state, this.#name, this.#id)
  }

  /** A copy keeps its first mark for ever: settings that call it a mirror later have to find it. */
  #mark(id: string): void {
    if (this.#kind === 'bind' || isMarked(this.#state, id)) return
    if (this.#kind === 'remote' && isUnsettled(this.#state, this.#name)) return
    markUnsettled(this.#state, id)
  }

  #note(changes: Partial<UseRecord>): void {
    this.#record = { ...this.#record, ...changes, usedMs: Date.now() }
    writeUse(this.#state, this.#name, this.#record)
  }
}
