/**
 * When a session brings the two sides of its workspace in step: before a command, after it, while
 * something runs, and at the end. Nothing of it happens for a workspace that is in one place.
 */
import { isSandboxError } from './errors.ts'
import type { Execution } from './exec.ts'
import type { OpenContext, Sandbox } from './sandbox.ts'
import type { News, Workspace } from './workspace.ts'

/** How often what runs in the background is looked after. */
const checkpointMs = 2_000
/** What a last sync may take when the session ends. */
const lastMs = 4_000

export class SyncSteps {
  readonly #workspace: Workspace
  readonly #current: () => Sandbox | undefined
  readonly #running = new Set<Execution>()
  /** The sandbox, when nothing has run in it since it was last looked at. */
  #quiet: Sandbox | undefined
  #timer: NodeJS.Timeout | undefined
  #checking = false
  #news: News[] = []

  /** `current` is the sandbox that is open. */
  constructor(workspace: Workspace, current: () => Sandbox | undefined) {
    this.#workspace = workspace
    this.#current = current
  }

  /** What the host has is in the sandbox when this resolves; rejects as `Workspace.sync`. */
  async before(sandbox: Sandbox, context: OpenContext): Promise<void> {
    if (this.#workspace.sync === undefined) return
    await this.#workspace.sync(sandbox, this.#quiet === sandbox ? 'host' : 'both', context)
    if (this.#running.size === 0) this.#quiet = sandbox
  }

  /** To be told of every command. */
  started(execution: Execution): void {
    if (this.#workspace.sync === undefined) return
    this.#quiet = undefined
    this.#running.add(execution)
    void execution.gone.then(() => this.#running.delete(execution))
    this.#timer ??= setInterval(() => void this.#checkpoint(), checkpointMs).unref()
  }

  /** What commands have done is on the host when this resolves; what keeps it from that is news. */
  async after(context: OpenContext): Promise<void> {
    const sandbox = this.#current()
    if (this.#workspace.sync === undefined || sandbox === undefined) return
    const isQuiet = this.#running.size === 0
    await this.#told(this.#workspace.sync(sandbox, 'sandbox', context))
    if (isQuiet && this.#running.size === 0) this.#quiet = sandbox
  }

  /** The same where commands are running. */
  async whileRunning(context: OpenContext): Promise<void> {
    if (this.#running.size > 0) await this.after(context)
  }

  /** When the last command has ended; its sandbox is open still. Never rejects. */
  async close(sandbox: Sandbox): Promise<void> {
    clearInterval(this.#timer)
    if (this.#workspace.sync === undefined || this.#quiet === sandbox) return
    const context = { signal: AbortSignal.timeout(lastMs), report: () => {} }
    await this.#told(this.#workspace.sync(sandbox, 'both', context))
    for (const { text } of this.#news) console.error(`sandbox-mcp: ${text}`)
  }

  takeNews(): readonly News[] {
    const news = this.#news
    this.#news = []
    return news
  }

  async #checkpoint(): Promise<void> {
    if (this.#checking) return
    if (this.#running.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
    this.#checking = true
    await this.after({ signal: new AbortController().signal, report: () => {} })
    this.#checking = false
  }

  async #told(sync: Promise<void>): Promise<void> {
    try {
      await sync
    } catch (error) {
      if (!isSandboxError(error)) throw error
      // A sandbox that is gone is told by the call that meets it.
      if (error.code === 'CANCELLED' || error.code === 'SANDBOX_LOST') return
      const text = `the files of the workspace are not in step: ${error.message}. ${error.hint}`
      if (!this.#news.some((told) => told.text === text)) this.#news.push({ text })
    }
  }
}
