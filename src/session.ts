/**
 * What one client's calls share: the workspace, its sandbox once a call needed it, and the commands
 * that were started. All of it ends with the session.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { argumentInvalid, processNotFound } from './errors.ts'
import { type ExecRequest, Execution } from './exec.ts'
import { type Guard, openGuard } from './guard.ts'
import { OpenOnce } from './open-once.ts'
import type { OpenContext } from './sandbox.ts'
import { runScript, type ScriptResult } from './script.ts'
import { newLogDirectory } from './sessions/log-directory.ts'
import type { Workspace } from './workspace.ts'

/** The most commands that run at a time, and the most ended ones that are remembered. */
const limits = { running: 64, ended: 64 }

export class Session {
  readonly workspace: Workspace
  readonly #ephemeral: boolean
  readonly #guard: OpenOnce<Guard>
  readonly #executions = new Map<string, Execution>()
  #logs: string | undefined
  #closed = false

  /** With `ephemeral` the sandbox is removed when the session closes. */
  constructor(workspace: Workspace, { ephemeral }: { readonly ephemeral: boolean }) {
    this.workspace = workspace
    this.#ephemeral = ephemeral
    this.#guard = new OpenOnce((context) => this.#openGuard(context))
  }

  /** The open sandbox's guard; opens the sandbox at first use, and anew after it was lost. */
  guard(context: OpenContext): Promise<Guard> {
    return this.#guard.get(context)
  }

  /** Runs a short script of our own, as `SandboxTree` wants it. It is not a command of the model's. */
  async run(
    script: string,
    stdin: Uint8Array | Readable | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ScriptResult> {
    const given = signal ?? new AbortController().signal
    const { sandbox } = await this.guard({ signal: given, report: () => {} })
    return runScript(sandbox, script, stdin, given)
  }

  /** Commands, running and lately ended, oldest first. */
  get executions(): readonly Execution[] {
    return [...this.#executions.values()]
  }

  /** Starts a command, and remembers it. */
  async execute(request: ExecRequest, context: OpenContext): Promise<Execution> {
    if (this.executions.filter(({ ended }) => ended === undefined).length >= limits.running) {
      throw argumentInvalid(
        `${limits.running} commands are running already`,
        'End some with the process tool (action "kill"), or wait for them.',
      )
    }
    const guard = await this.guard(context)
    const execution = await Execution.start(
      guard,
      request,
      (id) => this.#logPath(id),
      context.signal,
    )
    this.#executions.set(execution.id, execution)
    this.#expire()
    return execution
  }

  /** The command of that id, `PROCESS_NOT_FOUND` if this session has none. */
  execution(id: string): Execution {
    const found = this.#executions.get(id)
    if (found === undefined) throw processNotFound(id)
    return found
  }

  /** Ends every command, and the sandbox if it is ephemeral. Safe to repeat. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#guard.settle()
    const guard = this.#guard.opened
    if (this.#ephemeral && guard !== undefined) {
      await this.workspace.remove(new AbortController().signal)
    } else {
      await guard?.close()
    }
    await guard?.sandbox.close()
    if (this.#logs !== undefined) rmSync(this.#logs, { recursive: true, force: true })
  }

  async #openGuard(context: OpenContext): Promise<Guard> {
    const sandbox = await this.workspace.open(context)
    const guard = await openGuard(sandbox, context.signal)
    void guard.lost.then(async () => {
      this.#guard.forget(guard)
      await sandbox.close()
    })
    return guard
  }

  #logPath(id: string): string {
    this.#logs ??= newLogDirectory()
    return join(this.#logs, `${id}.log`)
  }

  #expire(): void {
    const ended = this.executions.filter((one) => one.ended !== undefined)
    for (const one of ended.slice(0, Math.max(0, ended.length - limits.ended))) {
      this.#executions.delete(one.id)
      const { log } = one.output
      if (log !== undefined) rmSync(log.path, { force: true })
    }
  }
}
