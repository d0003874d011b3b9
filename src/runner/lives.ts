/** The runners of a session from their start to their end, whatever they are used for. */
import type { Sandbox } from '../sandbox.ts'
import { settledWithin } from '../settled-within.ts'
import { Runner } from './runner.ts'
import type { Locale } from './runner-script.ts'

/** What they may take to end once nothing keeps them. */
const endMs = 2_000

export class RunnerLives {
  readonly #sandbox: Sandbox
  readonly #locale: Locale
  readonly #session: string | undefined
  readonly #started = new Set<Runner>()
  /** The ends of these and of those that are being started. */
  readonly #ends = new Set<Promise<void>>()
  /** Ends what is still being started. */
  readonly #stop = new AbortController()

  /** `session` as in `GroupWatch`. */
  constructor(sandbox: Sandbox, locale: Locale, session?: string) {
    this.#sandbox = sandbox
    this.#locale = locale
    this.#session = session
  }

  /** How many have been started and have not ended. */
  get size(): number {
    return this.#started.size
  }

  /** Rejects when none can be started, and when `signal` is aborted before that. `ended` is told when it has ended. */
  async start(ended: (runner: Runner) => void, signal?: AbortSignal): Promise<Runner> {
    const stop = this.#stop.signal
    const either = signal === undefined ? stop : AbortSignal.any([stop, signal])
    const start = Runner.start(this.#sandbox, this.#locale, either, this.#session)
    const end = start.then(
      ({ over }) => over,
      () => {},
    )
    this.#ends.add(end)
    void end.then(() => this.#ends.delete(end))
    const runner = await start
    this.#started.add(runner)
    void runner.over.then(() => {
      this.#started.delete(runner)
      ended(runner)
    })
    return runner
  }

  /** Lets go of all that have been started: each ends when nothing keeps it. */
  release(): void {
    for (const runner of this.#started) runner.release()
  }

  /** Cuts the connections to all, and starts none any more; their commands are told `why`. */
  cut(why: Error): void {
    this.#stop.abort()
    for (const runner of this.#started) runner.close(why)
  }

  /** Resolves when none is there, nor being started; after `endMs` in any case, and then none is started any more. */
  async ended(): Promise<void> {
    if (!(await settledWithin(Promise.all(this.#ends), endMs))) this.#stop.abort()
  }
}
