/**
 * Runs the short scripts of a session's own that look at files or change them. What runs a command has to
 * be made ready for the next; a script of ours leaves nothing behind, so one shell runs one after another.
 */
import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Guard } from '../guard/guard.ts'
import { spawn } from '../process.ts'
import { attendantScript } from './attendant-script.ts'
import { AttendantShell } from './attendant-shell.ts'
import type { Ahead, Alone, Foretold, ScriptResult, Shortcut } from './script.ts'
import { type Begun, isFramed, spawnScript } from './spawn-script.ts'

/** How often the guard is asked, which has to answer in time, while a script goes on. */
const askMs = 10_000

export interface AttendantRequest {
  readonly script: string
  readonly stdin?: Uint8Array | Readable | undefined
  readonly signal: AbortSignal
  /**
   * Definitions that come before the script, and the same ones each time. A script that has them takes all of `stdin`
   * unless it fails, starts nothing that outlives it, and prints nothing after it has told.
   */
  readonly functions?: string | undefined
  /** Does what the script does. */
  readonly shortcut?: Shortcut | undefined
  /** Answered where perl takes it; and what was asked for ahead is taken, if it is this. */
  readonly alone?: Alone | undefined
  /** Told the group that the script runs in. */
  readonly begun?: Begun | undefined
}

export class Attendant {
  readonly guard: Guard
  readonly #shortcuts: string | undefined
  #functions: string | undefined
  #shell: AttendantShell | undefined
  #isStarting = false

  /** `shortcuts` are the definitions that `becomePerl` takes. */
  constructor(guard: Guard, shortcuts?: string) {
    this.guard = guard
    this.#shortcuts = shortcuts
  }

  /** What it was started with, if it was. */
  get functions(): string | undefined {
    return this.#functions
  }

  /**
   * As `spawnScript`. It is not waited for in a sandbox that stands still as a whole, because somebody has paused it, say:
   * `SANDBOX_LOST`.
   */
  async run(request: AttendantRequest): Promise<ScriptResult> {
    const ask = () => void this.guard.check().catch(() => {})
    const asking = setInterval(ask, askMs).unref()
    try {
      return await this.#run(request)
    } finally {
      clearInterval(asking)
    }
  }

  async #run(request: AttendantRequest): Promise<ScriptResult> {
    const { script, stdin, functions, begun } = request
    if (functions === undefined) return this.#runBeside(request, script)
    const told = request.alone?.ahead && (await this.#takenAhead(request, request.alone))
    if (told !== undefined) return told
    const shell = this.#shell
    if (isFramed(stdin) && shell?.isFree) {
      begun?.(shell.group)
      return shell.run({ ...request, stdin: stdin ?? new Uint8Array() })
    }
    if (shell === undefined) void this.#start(functions)
    // One that is busy may be for long: it waits for its turn with other servers, or sends a large file.
    return this.#runBeside(request, `${functions}\n${script}`)
  }

  async #runBeside(
    { stdin, signal, begun }: AttendantRequest,
    script: string,
  ): Promise<ScriptResult> {
    try {
      return await spawnScript(this.guard, script, stdin, signal, begun)
    } finally {
      this.doubt()
    }
  }

  /** To be told when a script has ended that was run in another way: what was asked for ahead may not show what that did. */
  doubt(): void {
    this.#shell?.doubt()
  }

  /**
   * Has a script run as soon as the process `group` has ended, if no younger one is there then: so it is taken to have
   * been there before all that is waited for. Undefined where that cannot be asked at once, and of perl. A script that
   * comes before its answer was taken makes an end of it.
   */
  ahead(foretold: Foretold, group: number): Ahead | undefined {
    if (this.#functions !== foretold.functions) return undefined
    return this.#shell?.ahead(foretold, group)
  }

  async #takenAhead(request: AttendantRequest, alone: Alone): Promise<ScriptResult | undefined> {
    const { ahead } = alone
    if (ahead === undefined || !isForetold(ahead, request)) return undefined
    if (this.#shell !== undefined) request.begun?.(this.#shell.group)
    const told = await ahead.take(request.signal)
    if (told !== undefined) alone.isKnown = true
    return told
  }

  async #start(functions: string): Promise<void> {
    if (this.#isStarting) return
    this.#isStarting = true
    this.#functions = functions
    try {
      // Its command line is to hold the session, as those of runners do.
      const token = this.guard.session.text + randomBytes(9).toString('hex')
      const text = attendantScript(token, functions, this.#shortcuts)
      const process = await spawn(this.guard, ['sh', '-c', text], {
        workdir: '/',
        stdin: 'open',
        marked: false,
      })
      const { name } = this.guard.sandbox
      const shell = new AttendantShell(name, process, token, this.#shortcuts === undefined)
      this.#shell = shell
      void shell.over.then(() => {
        this.#shell = undefined
      })
    } catch {
      // Whoever runs the next script is told why, if it cannot be run in another way either.
    } finally {
      this.#isStarting = false
    }
  }
}

const isForetold = (
  { foretold }: Ahead,
  { script, stdin, functions, shortcut }: AttendantRequest,
) =>
  stdin === undefined &&
  foretold.script === script &&
  foretold.functions === functions &&
  foretold.shortcut?.join('\0') === shortcut?.join('\0')
