/** What is told while files are on their way: of files and bytes, also in the middle of a large one. */
import type { OpenContext } from '../sandbox.ts'

export interface Amount {
  readonly files: number
  /** Undefined where it is not known before all has come. */
  readonly bytes?: number
}

/** Told at once, and then no more often than this. */
const everyMs = 250
/** What is moved in no time is not worth a word. */
const fewFiles = 20
const fewBytes = 1024 * 1024

/** What lasts longer than this is told, and again as often. */
const longMs = 1000

/**
 * Tells `words` for as long as `work` lasts, if it is not done in a moment. They get the seconds it has taken: a
 * client that hears nothing takes the call for dead.
 */
export async function toldWhile<T>(
  { report }: Pick<OpenContext, 'report'>,
  words: (seconds: number) => string,
  work: Promise<T>,
): Promise<T> {
  const startedMs = performance.now()
  const tell = () => report(words(Math.round((performance.now() - startedMs) / 1000)))
  const timer = setInterval(tell, longMs)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}

export class TransferProgress {
  readonly #context: OpenContext
  readonly #what: string
  readonly #all: Amount
  #files = 0
  #bytes = 0
  #toldMs = Number.NEGATIVE_INFINITY

  constructor(context: OpenContext, what: string, all: Amount) {
    this.#context = context
    this.#what = what
    this.#all = all
  }

  /** Bytes of a file have been moved. */
  moved(bytes: number): void {
    this.#bytes += bytes
    this.#tell(false)
  }

  /** A file has been moved whole. */
  fileDone(): void {
    this.#files += 1
    this.#tell(this.#files === this.#all.files)
  }

  /** Whether all files have been moved. */
  get isDone(): boolean {
    return this.#files >= this.#all.files
  }

  /** How far it is. */
  get words(): string {
    const { files, bytes } = this.#all
    const ofBytes = bytes === undefined ? '' : ` of ${mib(bytes)}`
    return `${this.#what}: ${this.#files} of ${files} files, ${mib(this.#bytes)}${ofBytes} MiB`
  }

  #tell(isLast: boolean): void {
    const { files } = this.#all
    if (files <= fewFiles && this.#bytes <= fewBytes) return
    const nowMs = performance.now()
    if (!isLast && nowMs - this.#toldMs < everyMs) return
    this.#toldMs = nowMs
    this.#context.report(this.words)
  }
}

const mib = (bytes: number) => (bytes / 1024 / 1024).toFixed(1)
