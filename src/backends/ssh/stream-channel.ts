/** The port's channel over the stream of one SSH session. */
import { constants } from 'node:os'
import { type Duplex, type Readable, Transform, type TransformCallback } from 'node:stream'
import { commandNotStarted } from '../../errors.ts'
import type { Channel } from '../../sandbox.ts'

/** A session's stream: stdout to read, stdin to write. */
interface SessionStream extends Duplex {
  readonly stderr: Readable
  close(): void
}

/** `lost` makes the error for a session that ends without an exit code. */
export class StreamChannel implements Channel {
  readonly stdin: Duplex
  readonly stdout: AfterMark
  readonly stderr: AfterMark
  readonly exit: Promise<number>
  #abandon: () => void = () => {}

  constructor(stream: SessionStream, mark: string, lost: (why: string) => Error) {
    this.stdin = stream
    this.stdout = new AfterMark(mark)
    this.stderr = new AfterMark(mark)
    stream.pipe(this.stdout)
    stream.stderr.pipe(this.stderr)
    let code: number | undefined
    stream.on('exit', (status: number | null, signal?: string) => {
      code = status ?? signalCode(signal)
    })
    this.exit = new Promise((resolve, reject) => {
      stream.once('close', () => {
        if (code === undefined) return reject(lost('the channel ended'))
        const why = this.#diversion(code)
        if (why === undefined) resolve(code)
        else reject(commandNotStarted(why, diversionHint))
      })
      this.#abandon = () => {
        if (code !== undefined) return
        reject(lost('the channel was closed'))
        // The host frees the channel when the script has ended; until then nobody reads what it says.
        stream.unpipe().resume()
        stream.stderr.unpipe().resume()
        this.stdout.destroy()
        this.stderr.destroy()
        stream.close()
      }
    })
    this.exit.catch(() => {})
  }

  close(): void {
    this.#abandon()
  }

  /** Why the exit code `code` is not that of the script, where the marks of its streams say so. */
  #diversion(code: number): string | undefined {
    const [out, err] = [this.stdout.isPast, this.stderr.isPast]
    if (!out && !err && code === 0) return 'the login shell ended before it'
    // What is ended by a signal may have printed one mark alone.
    if (out === err || code > 125) return undefined
    return `a start-up file there puts ${out ? 'stderr' : 'stdout'} elsewhere`
  }
}

const diversionHint =
  'Let the account run any command (no ForceCommand), and its start-up files only set variables where there is no terminal, then call again.'

/** SSH names signals without SIG; one that is not known here leaves the channel without an exit code. */
function signalCode(name = ''): number | undefined {
  const number = constants.signals[`SIG${name.replace(/^SIG/, '')}` as NodeJS.Signals]
  return number === undefined ? undefined : 128 + number
}

/** How much is kept of what comes before the mark, for the case that it never comes. */
const keptBytes = 1_000

/** Passes on what follows the mark; where there is none, the last of what was said instead. */
class AfterMark extends Transform {
  readonly #mark: string
  /** What may hold the beginning of the mark; undefined once it has been seen. */
  #before: Buffer | undefined = Buffer.alloc(0)

  constructor(mark: string) {
    super()
    this.#mark = mark
  }

  get isPast(): boolean {
    return this.#before === undefined
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    done(null, this.#before === undefined ? chunk : this.#afterMark(this.#before, chunk))
  }

  /** Undefined for nothing: an empty chunk would not be passed on either. */
  #afterMark(before: Buffer, chunk: Buffer): Buffer | undefined {
    const text = Buffer.concat([before, chunk])
    const at = text.indexOf(this.#mark)
    this.#before = at < 0 ? text.subarray(-keptBytes) : undefined
    const rest = at < 0 ? undefined : text.subarray(at + this.#mark.length)
    return rest?.length === 0 ? undefined : rest
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#before?.length ? this.#before : undefined)
  }
}
