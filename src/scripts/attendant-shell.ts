/** The shell, or perl, that an attendant has started: what it is asked, one after another, and what it answers. */
import { cancelled } from '../errors.ts'
import type { Process } from '../process.ts'
import { MarkedStream } from '../runner/marked-stream.ts'
import { attendantWords } from './attendant-perl.ts'
import {
  aheadRequest,
  attendantMarkByte,
  nudge,
  type PerlRequest,
  perlRequest,
  request,
} from './attendant-script.ts'
import { HeldOutput } from './held-output.ts'
import type { Ahead, Alone, Foretold, ScriptResult, Shortcut } from './script.ts'

export interface ShellRequest {
  readonly script: string
  readonly stdin: Uint8Array
  readonly signal: AbortSignal
  readonly shortcut?: Shortcut | undefined
  readonly alone?: Alone | undefined
}

/** A script that was asked for, until its end is told. */
class Asked {
  readonly script: string
  readonly stdin: Uint8Array
  readonly alone: Alone | undefined
  readonly stdout: HeldOutput
  readonly stderr: HeldOutput
  /** It waits for a process first. */
  readonly isAhead: boolean
  /** Somebody waits for it. */
  isWanted: boolean
  /** Undefined when it has not run, and will not: only of one that waits for a process. */
  readonly result: Promise<ScriptResult | undefined>
  #tell: (result: ScriptResult | undefined) => void = () => {}
  fail: (error: unknown) => void = () => {}

  constructor(sandbox: string, script: string, stdin: Uint8Array, alone?: Alone, isAhead = false) {
    this.script = script
    this.stdin = stdin
    this.alone = alone
    this.isAhead = isAhead
    this.isWanted = !isAhead
    this.stdout = new HeldOutput(sandbox, 'stdout')
    this.stderr = new HeldOutput(sandbox, 'stderr')
    this.result = new Promise((resolve, reject) => {
      this.#tell = resolve
      this.fail = reject
    })
    this.result.catch(() => {})
  }

  end(code: number): void {
    this.#tell({ code, stdout: this.stdout.bytes, stderr: this.stderr.bytes.toString() })
  }

  drop(): void {
    this.#tell(undefined)
  }
}

const nothing = new Uint8Array()

export class AttendantShell {
  readonly #sandbox: string
  readonly #process: Process
  readonly #token: string
  /** Settles when it has ended. */
  readonly over: Promise<void>
  /** One, and before it one that makes way, if there is such. The answers come in this order. */
  readonly #asked: Asked[] = []
  /** The last that was asked for ahead, as long as nothing else was. */
  #ahead: Asked | undefined
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
    const ended = (end: (asked: Asked) => void) => {
      this.#isOver = true
      for (const asked of this.#asked.splice(0)) {
        if (asked.isAhead) asked.drop()
        else end(asked)
      }
    }
    this.over = process.exit.then(
      (code) => ended((asked) => asked.end(code)),
      (error: unknown) => ended((asked) => asked.fail(error)),
    )
  }

  get group(): number {
    return this.#process.group
  }

  get isFree(): boolean {
    return this.#isReady && !this.#isOver && !this.#asked.some(({ isWanted }) => isWanted)
  }

  /** Only when free. */
  async run({ script, stdin, signal, shortcut, alone }: ShellRequest): Promise<ScriptResult> {
    if (signal.aborted) throw cancelled('the operation')
    const said: PerlRequest = { script, stdin, shortcut, base: alone?.base }
    const asked = new Asked(this.#sandbox, script, stdin, alone)
    this.#ahead = undefined
    this.#asked.push(asked)
    this.#process.stdin.write(
      this.#isPerl ? perlRequest(this.#token, said) : request(this.#token, script, stdin),
    )
    return (await this.#within(signal, asked)) as ScriptResult
  }

  /** As `Attendant.ahead`. */
  ahead(foretold: Foretold, group: number): Ahead | undefined {
    if (!this.isFree || !this.#isPerl || this.#asked.length > 0) return undefined
    const asked = new Asked(this.#sandbox, foretold.script, nothing, undefined, true)
    this.#ahead = asked
    this.#asked.push(asked)
    this.#process.stdin.write(aheadRequest(this.#token, foretold, group))
    return { foretold, take: (signal) => this.#take(asked, signal) }
  }

  /** What was asked for ahead is not good any more. */
  doubt(): void {
    this.#ahead = undefined
  }

  async #take(asked: Asked, signal: AbortSignal): Promise<ScriptResult | undefined> {
    // What was asked for since comes after it, and may be to show what this does not.
    if (this.#ahead !== asked) return undefined
    this.#ahead = undefined
    if (signal.aborted) throw cancelled('the operation')
    asked.isWanted = true
    if (this.#asked.length > 0) this.#process.stdin.write(nudge(this.#token))
    return this.#within(signal, asked)
  }

  /** What it had begun is taken back before it ends. */
  async #within(signal: AbortSignal, { result }: Asked): Promise<ScriptResult | undefined> {
    const abort = () => this.#end()
    signal.addEventListener('abort', abort, { once: true })
    try {
      const told = await result
      // It may have been at its end already: what it did is done.
      if (!signal.aborted || told?.code === 0) return told
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
    throw cancelled('the operation')
  }

  #end(): void {
    this.#isOver = true
    void this.#process.kill().catch(() => {})
  }

  #printed(stream: 'stdout' | 'stderr', bytes: Buffer): void {
    const [asked] = this.#asked
    try {
      asked?.[stream].add(bytes)
    } catch (error) {
      this.#asked.shift()?.fail(error)
      this.#end()
    }
  }

  #marked(text: string): void {
    if (text === attendantWords.sh || text === attendantWords.perl) {
      this.#isReady = true
      this.#isPerl = text === attendantWords.perl
      return
    }
    const [asked] = this.#asked
    if (text === attendantWords.alone) {
      if (asked?.alone !== undefined) asked.alone.isKnown = true
      return
    }
    if (text === attendantWords.declined) {
      if (asked === undefined || this.#isOver) return
      this.#process.stdin.write(request(this.#token, asked.script, asked.stdin))
      return
    }
    if (text === attendantWords.dropped) {
      // A command can find the token, and say it of what is never dropped.
      if (asked?.isAhead === true) this.#asked.shift()?.drop()
      return
    }
    const isTold = text === attendantWords.told
    if (!isTold && this.#cleaning > 0) {
      this.#cleaning -= 1
      return
    }
    this.#asked.shift()
    if (asked === undefined) return
    const code = isTold ? 0 : Number(text)
    if (isTold) this.#cleaning += 1
    else if (code > 127 || (code !== 0 && asked.stdin.length > 0)) {
      this.#isOver = true
      this.#process.stdin.end()
    }
    asked.end(code)
  }
}
