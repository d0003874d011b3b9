/** Runs a shell command within limits, and tells how it ended. */
import { randomBytes } from 'node:crypto'
import { CapturedOutput, type OutputStream } from './captured-output.ts'
import type { Guard } from './guard.ts'
import { type Process, spawn } from './process.ts'

export interface ExecRequest {
  readonly command: string
  /** Absolute path inside. */
  readonly workdir: string
  readonly env: Readonly<Record<string, string>>
  /** Given to the command and closed; `open` leaves it for `write`; undefined is end-of-file at once. */
  readonly stdin?: string | 'open'
  /** For the whole life of the command, also in the background; undefined is no limit. */
  readonly timeoutMs?: number | undefined
}

export type Outcome = 'exited' | 'timed-out' | 'cancelled'

export interface ExecResult {
  readonly outcome: Outcome
  /** As a shell tells it: 128 + n for signal n. Also set when it was ended by us. */
  readonly exitCode: number
  readonly durationMs: number
}

/** One command, running or ended. */
export class Execution {
  /** Unguessable. */
  readonly id = randomBytes(16).toString('base64url')
  readonly command: string
  readonly startedMs = Date.now()
  readonly output: CapturedOutput
  /** Settles when the command has ended and its output is complete. Rejects with `SANDBOX_LOST`. */
  readonly result: Promise<ExecResult>
  ended: ExecResult | undefined
  readonly #process: Process
  readonly #started = performance.now()
  /** Whoever stops it first names the reason. */
  #outcome: Outcome | undefined
  #listeners = new Set<() => void>()

  private constructor(process: Process, request: ExecRequest, output: CapturedOutput) {
    this.#process = process
    this.command = request.command
    this.output = output
    this.result = this.#run(request)
    this.result.catch(() => {})
  }

  /** Starts the command. Rejects with `COMMAND_NOT_STARTED` and the like, and then nothing runs. */
  static async start(
    guard: Guard,
    request: ExecRequest,
    logPath: (id: string) => string,
    signal: AbortSignal,
  ): Promise<Execution> {
    const process = await spawn(guard, [guard.shell, '-c', request.command], {
      workdir: request.workdir,
      env: request.env,
      stdin: request.stdin === undefined ? 'none' : 'open',
      signal,
    })
    const output = new CapturedOutput(logPath(randomBytes(8).toString('hex')))
    return new Execution(process, request, output)
  }

  /** Ends the command and all it started; `result` then tells `outcome`. Harmless when it has ended. */
  async stop(outcome: Outcome): Promise<void> {
    if (this.ended !== undefined) return
    this.#outcome ??= outcome
    await this.#process.kill()
  }

  /** Bytes for its stdin; resolves when they are taken. Rejects when its stdin is closed. */
  async write(data: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#process.stdin.write(data, (error) => (error ? reject(error) : resolve()))
    })
  }

  closeStdin(): void {
    this.#process.stdin.end()
  }

  /** Calls back, until told to stop, whenever output has arrived. */
  onOutput(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async #run({ stdin, timeoutMs }: ExecRequest): Promise<ExecResult> {
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => void this.stop('timed-out').catch(() => {}), timeoutMs)
    if (stdin !== undefined && stdin !== 'open') this.#process.stdin.end(stdin)
    try {
      const [exitCode] = await Promise.all([
        this.#process.exit,
        this.#collect('stdout'),
        this.#collect('stderr'),
      ])
      this.ended = {
        outcome: this.#outcome ?? 'exited',
        exitCode,
        durationMs: Math.round(performance.now() - this.#started),
      }
      return this.ended
    } finally {
      clearTimeout(timer)
      await this.output.close()
    }
  }

  async #collect(stream: OutputStream): Promise<void> {
    for await (const chunk of this.#process[stream]) {
      await this.output.add(stream, chunk as Buffer)
      for (const listener of this.#listeners) listener()
    }
  }
}
