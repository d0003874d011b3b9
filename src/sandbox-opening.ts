/** The sandbox of a session as long as it is open: opened once for all who need it, and anew when it was lost. */
import type { SandboxUse } from './activity.ts'
import { isSandboxError } from './errors.ts'
import { type Guard, openGuard } from './guard/guard.ts'
import type { Mark } from './guard/process-mark.ts'
import { OpenOnce } from './open-once.ts'
import type { Locale } from './runner/runner-script.ts'
import type { OpenContext, Sandbox } from './sandbox.ts'
import type { Workspace } from './workspace.ts'

export class SandboxOpening {
  readonly #workspace: Workspace
  readonly #use: SandboxUse
  readonly #tell: (text: string) => void
  readonly #locale: Locale
  readonly #guard: OpenOnce<Guard>
  #hasOpened = false
  #wasOpen = false
  #isCancelled = false
  #untoldLoss: string | undefined
  /** The sessions of guards that were lost: what they had to end may run still. */
  #earlier: Mark[] = []

  /** `tell` is told what the client should know of a sandbox that was opened; `locale` as for `openGuard`. */
  constructor(workspace: Workspace, use: SandboxUse, tell: (text: string) => void, locale: Locale) {
    this.#workspace = workspace
    this.#use = use
    this.#tell = tell
    this.#locale = locale
    this.#guard = new OpenOnce((context) => this.#open(context))
  }

  /** The open sandbox's guard; opens the sandbox at first use, and anew after it was lost. */
  guard(context: OpenContext): Promise<Guard> {
    return this.#guard.get(context)
  }

  /** The guard, if the sandbox is open. */
  get opened(): Guard | undefined {
    return this.#guard.opened
  }

  /** Whether there is or was a sandbox, or is about to be one. */
  get hasOpened(): boolean {
    return this.#hasOpened
  }

  /** Whether all there has been of it is an opening that was cancelled: no command and no tool has used it. */
  get isGivenUp(): boolean {
    return this.#isCancelled && !this.#wasOpen
  }

  /** Rejects with `SANDBOX_LOST`, and lets go of it, when the workspace is not in the sandbox any more. */
  async check(guard: Guard, { signal }: OpenContext): Promise<void> {
    try {
      await this.#workspace.check?.(guard.sandbox, signal)
    } catch (error) {
      if (isSandboxError(error, 'SANDBOX_LOST')) await this.abandon(guard.sandbox, error)
      throw error
    }
  }

  /** Lets go of an open sandbox that is of no use any more, and of all that runs in it. */
  async abandon(sandbox: Sandbox, error: Error): Promise<void> {
    const guard = this.#guard.opened
    if (guard?.sandbox !== sandbox) return
    this.lose(guard, error)
    await guard.close()
    await sandbox.close()
  }

  /** The next call must not meet what is gone. Several commands may tell of one loss. */
  lose(guard: Guard, error: Error): void {
    if (this.#guard.opened !== guard) return
    this.#guard.forget(guard)
    this.#earlier.push(guard.session)
    this.#untoldLoss = error.message
  }

  /** Why an earlier sandbox went away; once. */
  takeLoss(): string | undefined {
    const loss = this.#untoldLoss
    this.#untoldLoss = undefined
    return loss
  }

  /** From now on none is opened; resolves when none is being opened. One that is open stays with the caller. */
  async close(): Promise<void> {
    await this.#guard.close()
  }

  async #open(context: OpenContext): Promise<Guard> {
    this.#hasOpened = true
    try {
      const guard = await this.#openNow(context)
      this.#wasOpen = true
      return guard
    } catch (error) {
      this.#isCancelled = context.signal.aborted
      throw error
    }
  }

  async #openNow(context: OpenContext): Promise<Guard> {
    const sandbox = await this.#workspace.open(context).catch((error: Error) => {
      this.#use.failed(error)
      throw error
    })
    const guard = await this.#guardOf(sandbox, context).catch(async (error: unknown) => {
      await sandbox.close()
      throw error
    })
    void guard.lost.then(async (error) => {
      this.lose(guard, error)
      await sandbox.close()
    })
    return guard
  }

  async #guardOf(sandbox: Sandbox, { signal }: OpenContext): Promise<Guard> {
    this.#use.opened(sandbox.kind)
    if (sandbox.stale !== undefined) this.#tell(sandbox.stale.replace(/\.$/, ''))
    const looksAfter = this.#workspace.sync !== undefined
    const guard = await openGuard(sandbox, signal, this.#locale, looksAfter, this.#earlier)
    this.#earlier = []
    return guard
  }
}
