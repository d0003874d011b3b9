/** What rows are measured on: started when a row first asks for it, and ended with the stage. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

export interface Closable<T> {
  readonly value: T
  close(): Promise<unknown>
}

export class Stage {
  /** A directory of its own, removed with the whole run's. */
  readonly folder: string
  /** Aborts when the run is to end early. */
  readonly signal: AbortSignal
  readonly #parent: Stage | undefined
  readonly #started = new Map<string, Promise<Closable<unknown>>>()
  #inner = 0

  constructor(folder: string, signal: AbortSignal, parent?: Stage) {
    this.folder = folder
    this.signal = signal
    this.#parent = parent
  }

  /** A stage that is closed before this one. */
  inner(): Stage {
    this.#inner += 1
    return new Stage(this.directory(`stage-${this.#inner}`), this.signal, this)
  }

  /** The stage of the whole run, for what many sections use. */
  get whole(): Stage {
    return this.#parent?.whole ?? this
  }

  /** A directory below `folder`, made if it is not there. */
  directory(name: string): string {
    const path = join(this.folder, name)
    mkdirSync(path, { recursive: true })
    return path
  }

  /** What `start` made the first time. */
  async once<T>(key: string, start: () => Promise<Closable<T>>): Promise<T> {
    let made = this.#started.get(key) as Promise<Closable<T>> | undefined
    if (made === undefined) {
      made = start()
      this.#started.set(key, made)
    }
    return (await made).value
  }

  /** Ends all that was started, the last first; what fails to end is told at the end. */
  async close(): Promise<void> {
    const problems: unknown[] = []
    for (const made of [...this.#started.values()].reverse()) {
      // What did not start was told to whoever asked for it.
      const { close } = await made.catch(() => ({ close: async () => {} }))
      await close().catch((error: unknown) => problems.push(error))
    }
    this.#started.clear()
    if (problems.length > 0) throw new AggregateError(problems, String(problems[0]))
  }
}
