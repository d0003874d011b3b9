/**
 * Runs the short scripts of a session's own that look at files or change them. What runs a command has to
 * be made ready for the next; a script of ours leaves nothing behind, so one shell runs one after another.
 */
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { cancelled } from '../errors.ts'
import type { Guard } from '../guard/guard.ts'
import { type Process, spawn } from '../process.ts'
import { MarkedStream } from '../runner/marked-stream.ts'
import { attendantWords } from './attendant-perl.ts'
import {
  attendantMarkByte,
  attendantScript,
  type PerlRequest,
  perlRequest,
  request,
} from './attendant-script.ts'
import { HeldOutput } from './held-output.ts'
import type { Alone, ScriptResult, Shortcut } from './script.ts'
import { type Begun, framedBytes, spawnScript } from './spawn-script.ts'

export class Attendant {
  readonly guard: Guard
  readonly #shortcuts: string | undefined
  #functions: string | undefined
  #shell: Shell | undefined
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
   * As `spawnScript`. `functions` are definitions that come before the script, and the same ones each time. A
   * script that has them takes all of `stdin` unless it fails, starts nothing that outlives it, and prints
   * nothing after it has told. `shortcut` does what the script does. `alone` is answered where perl takes it, and
   * `begun` is told the group that the script runs in.
   */
  async run(
    script: string,
    stdin: Uint8Array | Readable | undefined,
    signal: AbortSignal,
    functions: string | undefined,
    shortcut?: Shortcut,
    alone?: Alone,
    begun?: Begun,
  ): Promise<ScriptResult> {
    if (functions === undefined) return spawnScript(this.guard, script, stdin, signal, begun)
    const isShort = !(stdin instanceof Readable) && (stdin?.length ?? 0) <= framedBytes
    const shell = this.#shell
    if (isShort && shell?.isFree) {
      begun?.(shell.group)
      return shell.run(script, stdin ?? new Uint8Array(), signal, shortcut, alone)
    }
    if (shell === undefined) void this.#start(functions)
    // One that is busy may be for long: it waits for its turn with other servers, or sends a large file.
    return spawnScript(this.guard, `${functions}\n${script}`, stdin, signal, begun)
  }

  async #start(functions: string): Promise<void> {
    if (this.#isStarting) return
    this.#isStarting = true
    this.#functions = functions
    try {
      const token = randomBytes(9).toString('hex')
      const text = attendantScript(token, functions, this.#shortcuts)
      const process = await spawn(this.guard, ['sh', '-c', text], {
        workdir: '/',
        stdin: 'open',
        marked: false,
      })
      const { name } = this.guard.sandbox
      const shell = new Shell(name, process, token, this.#shortcuts === undefined)
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

/** A script that runs. */
interface Running {
  readonly stdin: Uint8Array
  readonly script: string
  readonly alone: Alone | undefined
  readonly stdout: HeldOutput
  readonly stderr: HeldOutput
  end(code: number): void
  fail(error: unknown): void
}

class Shell {
  readonly #sandbox: string
  readonly #process: Process
  readonly #token: string
  /** Settles when it has ended. */
  readonly over: Promise<void>
  #running: Running | undefined
  /** Until then it starts, which may take longer than a runner takes for a script. */
  #isReady: boolean
  #isPerl = false
  /** It takes no more: it is ending, by itself or because it was told to. */
  #isOver = false
  /** How many scripts have told their result and are not at their end. */
  #cleaning = 0

  constructor(sandbox: string, process: Process, token: string, isReady: boolean) {
    this.#sandbox = sandbox
    this.#process = process
    this.#token = token
    this.#isReady = isReady
    process.stdin.on('error', () => {})
    process.stderr.on('data', (bytes: Buffer) => this.#printed('stderr', bytes))
    const events = {
      data: (bytes: Buffer) => {
        this.#printed('stdout', bytes)
        return true
      },
      mark: (text: string) => this.#marked(text),
      end: () => {},
    }
    new MarkedStream(process.stdout, token, events, attendantMarkByte)
    const ended = (end: (running: Running) => void) => {
      this.#isOver = true
      const running = this.#running
      this.#running = undefined
      if (running !== undefined) end(running)
    }
    this.over = process.exit.then(
      (code) => ended((running) => running.end(code)),
      (error: unknown) => ended((running) => running.fail(error)),
    )
  }

  get group(): number {
    return this.#process.group
  }

  get isFree(): boolean {
    return this.#isReady && !this.#isOver && this.#running === undefined
  }

  /** Only when free. */
  run(
    script: string,
    stdin: Uint8Array,
    signal: AbortSignal,
    shortcut: Shortcut | undefined,
    alone: Alone | undefined,
  ): Promise<ScriptResult> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) throw cancelled('the operation')
      // What it had begun is taken back before it ends.
      const abort = () => this.#end()
      const settle = (action: () => void) => {
        signal.removeEventListener('abort', abort)
        if (signal.aborted) reject(cancelled('the operation'))
        else action()
      }
      const running: Running = {
        stdin,
        script,
        alone,
        stdout: new HeldOutput(this.#sandbox, 'stdout'),
        stderr: new HeldOutput(this.#sandbox, 'stderr'),
        end(code) {
          const { stdout, stderr } = running
          settle(() => resolve({ code, stdout: stdout.bytes, stderr: stderr.bytes.toString() }))
        },
        fail: (error) => settle(() => reject(error)),
      }
      this.#running = running
      signal.addEventListener('abort', abort, { once: true })
      const asked: PerlRequest = { script, stdin, shortcut, base: alone?.base }
      this.#process.stdin.write(
        this.#isPerl ? perlRequest(this.#token, asked) : request(this.#token, script, stdin),
      )
    })
  }

  #end(): void {
    this.#isOver = true
    void this.#process.kill().catch(() => {})
  }

  #printed(stream: 'stdout' | 'stderr', bytes: Buffer): void {
    const running = this.#running
    try {
      running?.[stream].add(bytes)
    } catch (error) {
      this.#running = undefined
      running?.fail(error)
      this.#end()
    }
  }

  #marked(text: string): void {
    if (text === attendantWords.sh || text === attendantWords.perl) {
      this.#isReady = true
      this.#isPerl = text === attendantWords.perl
      return
    }
    if (text === attendantWords.alone) {
      if (this.#running?.alone !== undefined) this.#running.alone.isKnown = true
      return
    }
    if (text === attendantWords.declined) {
      const running = this.#running
      if (running === undefined || this.#isOver) return
      this.#process.stdin.write(request(this.#token, running.script, running.stdin))
      return
    }
    const isTold = text === attendantWords.told
    if (!isTold && this.#cleaning > 0) {
      this.#cleaning -= 1
      return
    }
    const running = this.#running
    this.#running = undefined
    if (running === undefined) return
    const code = isTold ? 0 : Number(text)
    if (isTold) this.#cleaning += 1
    else if (code > 127 || (code !== 0 && running.stdin.length > 0)) {
      this.#isOver = true
      this.#process.stdin.end()
    }
    running.end(code)
  }
}
