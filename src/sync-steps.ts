/**
 * When a session brings the two sides of its workspace in step: before a command, after it, while
 * something runs, and at the end. Nothing of it happens for a workspace that is in one place.
 */
import { isSandboxError, type SandboxError } from './errors.ts'
import type { Execution } from './exec.ts'
import { type AskAhead, LookAhead } from './look-ahead.ts'
import type { OpenContext, Sandbox } from './sandbox.ts'
import type { Alone, Scripts } from './scripts/script.ts'
import { settledWithin } from './settled-within.ts'
import type { Look, News, Workspace } from './workspace.ts'

/** How often what runs in the background is looked after. */
const checkpointMs = 2_000
/** How long it is waited for what may be left of a command that has ended. */
const goneMs = 50
/** What a last sync may take when the session ends. */
const lastMs = 4_000

/** What the steps have to do with besides the workspace. */
export interface SyncSurroundings {
  /** For the sandbox that is open; the first script is asked `alone`. */
  scripts(alone?: Alone): Scripts | undefined
  readonly ahead: AskAhead
  /** As in `SandboxUse`. */
  left(): () => void
  /** Told when the sandbox has been looked at. */
  looked(): void
}

interface Ended {
  readonly executions: readonly Execution[]
  readonly alone: Alone
}

export class SyncSteps {
  readonly #workspace: Workspace
  readonly #around: SyncSurroundings
  readonly #lookAhead: LookAhead
  readonly #running = new Set<Execution>()
  /** Those of which it was waited for what they may have left. */
  readonly #awaited = new WeakSet<Execution>()
  /** What is left of commands is told soon here: not so over a long line, or where they leave servers. */
  #isToldSoon = true
  /** A look can tell that nothing is left: not so where others start processes, or without perl. */
  #isToldByLook = true
  /** The sandbox, when nothing has run in it since it was last looked at. */
  #quiet: Sandbox | undefined
  #isSettled = true
  #starting = 0
  #syncing = 0
  #timer: NodeJS.Timeout | undefined
  #checking = false
  #news: News[] = []
  /** Somebody was told what is in the way there, and no sync has succeeded since. */
  #isHindered = false

  constructor(workspace: Workspace, around: SyncSurroundings) {
    this.#workspace = workspace
    this.#around = around
    this.#lookAhead = new LookAhead(around.ahead)
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
   * What the host has is in the sandbox when this resolves; rejects as `Workspace.sync`. What a command may put right
   * there is in the way of one call at most, and then news. From then on a command may be running, until `started` or
   * `notStarted` is called.
   */
  async before(scripts: Scripts, context: OpenContext): Promise<void> {
    if (this.#workspace.sync !== undefined) {
      const look = this.#quiet === scripts.sandbox ? 'host' : 'both'
      await this.#sync(scripts, look, context).catch((error: unknown) => this.#tolerate(error))
    }
    this.#starting += 1
    this.#unsettle()
    const foretell = this.#workspace.foretell?.bind(
      this.#workspace,
      scripts.sandbox,
      context.signal,
    )
    await this.#lookAhead.prepare(this.#isToldByLook && this.#isOnly() ? foretell : undefined)
  }

  /** To be told of the group that the command will lead, unless its stdin stays open. */
  given(group: number): void {
    this.#lookAhead.given(group, this.#isOnly())
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
    void this.#follow(execution)
    this.#timer ??= setInterval(() => void this.#checkpoint(), checkpointMs).unref()
  }

  /** What commands have done is on the host when this resolves; what keeps it from that is news. */
  async after(context: OpenContext): Promise<void> {
    if (this.#workspace.sync === undefined) return
    const ended = this.#allEnded()
    if (ended === undefined || !this.#isToldByLook) await this.#untilGone()
    const scripts = this.#around.scripts(ended?.alone)
    if (scripts === undefined) return
    await this.#told(this.#sync(scripts, 'sandbox', context, ended))
    this.#around.looked()
    if (ended !== undefined) this.#isToldByLook = ended.alone.isKnown
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

  /**
   * What has just ended is found to be gone within a moment. A look that begins after that is one at a quiet
   * sandbox, and the next command needs none before it.
   */
  async #untilGone(): Promise<void> {
    const isNew = (one: Execution) => one.ended !== undefined && !this.#awaited.has(one)
    const ended = [...this.#running].filter(isNew)
    if (ended.length === 0 || !this.#isToldSoon) return
    for (const one of ended) this.#awaited.add(one)
    await settledWithin(Promise.all(ended.map(({ gone }) => gone)), goneMs)
    this.#isToldSoon = ended.every((one) => !this.#running.has(one))
  }

  /** What runs, if all of it has ended lately but for what it may have left, and how to ask whether that is nothing. */
  #allEnded(): Ended | undefined {
    const executions = [...this.#running]
    if (this.#starting > 0 || executions.length === 0) return undefined
    let base = Number.POSITIVE_INFINITY
    for (const one of executions) {
      if (one.ended === undefined || one.base === undefined) return undefined
      base = Math.min(base, one.base)
    }
    const ahead = this.#lookAhead.take()
    return { executions, alone: { base, isKnown: false, ahead } }
  }

  /** Whether nothing runs but the one command that starts. */
  #isOnly(): boolean {
    return this.#starting === 1 && this.#running.size === 0
  }

  async #follow(execution: Execution): Promise<void> {
    let endedMs = Number.POSITIVE_INFINITY
    void execution.result.then(() => {
      endedMs = performance.now()
    })
    await execution.gone
    this.#running.delete(execution)
    if (performance.now() - endedMs <= goneMs) this.#isToldSoon = true
  }

  #unsettle(): void {
    this.#quiet = undefined
    this.#isSettled = false
  }

  /** Where nothing is found to be left of what has `ended`, the look is one at a quiet sandbox. */
  async #sync(scripts: Scripts, look: Look, context: OpenContext, ended?: Ended): Promise<void> {
    const isQuiet = () => this.#running.size + this.#starting === 0
    const wasQuiet = isQuiet()
    // Found out before the look, and no look at the host alone says that all has come back.
    const forgetLeft = look === 'host' ? () => {} : this.#around.left()
    this.#syncing += 1
    try {
      const isComplete = await this.#workspace.sync?.(scripts, look, context)
      this.#isHindered = false
      if (isComplete) forgetLeft()
      const isAlone = ended?.alone.isKnown === true
      if (isAlone) for (const one of ended.executions) this.#running.delete(one)
      if (!(wasQuiet || isAlone) || !isQuiet()) return
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
      this.#isHindered = error.isInside === true
      this.#tell(error)
    }
  }

  /** Throws what has to be told first. */
  #tolerate(error: unknown): void {
    if (!isSandboxError(error) || error.isInside !== true) throw error
    if (!this.#isHindered) {
      this.#isHindered = true
      throw error
    }
    this.#tell(error)
  }

  #tell({ message, hint }: SandboxError): void {
    const text = `the files of the workspace are not in step: ${message}. ${hint}`
    if (!this.#news.some((told) => told.text === text)) this.#news.push({ text })
  }
}
