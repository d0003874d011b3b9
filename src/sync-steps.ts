/**
 * When a session brings the two sides of its workspace in step: before a command, after it, while
 * something runs, and at the end. Nothing of it happens for a workspace that is in one place.
 */
import { isSandboxError } from './errors.ts'
import type { Execution } from './exec.ts'
import type { OpenContext, Sandbox } from './sandbox.ts'
import type { Scripts } from './script.ts'
import type { Look, News, Workspace } from './workspace.ts'

/** How often what runs in the background is looked after. */
const checkpointMs = 2_000
/** What a last sync may take when the session ends. */
const lastMs = 4_000

export class SyncSteps {
  readonly #workspace: Workspace
  readonly #current: () => Scripts | undefined
  readonly #running = new Set<Execution>()
  readonly #left: () => () => void
  /** The sandbox, when nothing has run in it since it was last looked at. */
  #quiet: Sandbox | undefined
  #isSettled = true
  #starting = 0
  #syncing = 0
  #timer: NodeJS.Timeout | undefined
  #checking = false
  #news: News[] = []

  /** `current` is of the sandbox that is open; `left` as in `SandboxUse`. */
  constructor(workspace: Workspace, current: () => Scripts | undefined, left: () => () => void) {
    this.#workspace = workspace
    this.#current = current
    this.#left = left
  }

  /** Whether the host has all that commands have changed by now. */
  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Whether a sync is under way. */
  get isBusy(): boolean {
    return this.#syncing > 0
  }

  /**
   * What the host has is in the sandbox when this resolves; rejects as `Workspace.sync`. From then on a
   * command may be running, until `started` or `notStarted` is called.
   */
  async before(scripts: Scripts, context: OpenContext): Promise<void> {
    if (this.#workspace.sync !== undefined) {
      const look = this.#quiet === scripts.sandbox ? 'host' : 'both'
      await this.#sync(scripts, look, context)
    }
    this.#starting += 1
    this.#unsettle()
  }

  /** It may have run all the same. */
  notStarted(): void {
    this.#starting -= 1
  }

  /** To be told of every command. */
  started(execution: Execution): void {
    this.#starting -= 1
    if (this.#workspace.sync === undefined) return
    this.#unsettle()
    this.#running.add(execution)
    void execution.gone.then(() => this.#running.delete(execution))
    this.#timer ??= setInterval(() => void this.#checkpoint(), checkpointMs).unref()
  }

  /** What commands have done is on the host when this resolves; what keeps it from that is news. */
  async after(context: OpenContext): Promise<void> {
    const scripts = this.#current()
    if (this.#workspace.sync === undefined || scripts === undefined) return
    await this.#told(this.#sync(scripts, 'sandbox', context))
  }

  /** The same where commands are running. */
  async whileRunning(context: OpenContext): Promise<void> {
    if (this.#running.size > 0) await this.after(context)
  }

  /** When the last command has ended; its sandbox is open still. Never rejects. */
  async close(scripts: Scripts): Promise<void> {
    clearInterval(this.#timer)
    if (this.#workspace.sync === undefined) return
    // What failed at the last call may be possible by now.
    if (this.#quiet === scripts.sandbox && this.#isSettled) return
    const context = { signal: AbortSignal.timeout(lastMs), report: () => {} }
    await this.#told(this.#sync(scripts, 'both', context))
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

  #unsettle(): void {
    this.#quiet = undefined
    this.#isSettled = false
  }

  async #sync(scripts: Scripts, look: Look, context: OpenContext): Promise<void> {
    const isQuiet = () => this.#running.size + this.#starting === 0
    const wasQuiet = isQuiet()
    const forgetLeft = this.#left()
    this.#syncing += 1
    try {
      const isComplete = await this.#workspace.sync?.(scripts, look, context)
      if (isComplete && look !== 'host') forgetLeft()
      if (!wasQuiet || !isQuiet()) return
      this.#quiet = scripts.sandbox
      this.#isSettled = isComplete === true
    } finally {
      this.#syncing -= 1
    }
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
