/** The runners of one session: a few wait, and more are started while there are too few. */
import { once } from 'node:events'
import { cancelled, commandNotStarted } from './errors.ts'
import { Runner } from './runner.ts'
import { type RunnerCommand, RunnerEnded } from './runner-command.ts'
import { leastSpare, RunnerDemand } from './runner-demand.ts'
import { RunnerRest } from './runner-rest.ts'
import type { CommandLine, Locale } from './runner-script.ts'
import type { Sandbox } from './sandbox.ts'
import { Waiters } from './waiters.ts'

/** Those that nobody has asked for in as long are let go. */
const quietMs = 30_000
/** Engines start a few at a time in the time that one takes. */
const maxStarting = 4

/** While runners come back this often, those that wait need no new ones. */
const patienceMs = 10

/** How many runners a command is given to, when they turn out to have ended. */
const attempts = 3

/** What they may take to end once nothing keeps them. */
const endMs = 2_000

/** Who ends what runs, whatever happens to this process. */
export interface GroupWatch {
  /** From now on the group ends with the session. Told when a runner has got ready, so before any command. */
  add(group: number): void
  /** Forgets a group whose members are all gone. */
  drop(group: number): void
}

export class RunnerPool {
  readonly #sandbox: Sandbox
  readonly #watch: GroupWatch
  readonly #locale: Locale
  #isClosed = false
  /** Ends what is still being started. */
  readonly #stop = new AbortController()
  /** Ready; the last used is the next. */
  readonly #idle: Runner[] = []
  readonly #all = new Set<Runner>()
  /** The groups of those that run nothing yet. */
  readonly #watched = new Map<Runner, number>()
  /** The ends of these and of those that are being started. */
  readonly #ends = new Set<Promise<void>>()
  readonly #waiting = new Waiters<Runner>()
  readonly #rest = new RunnerRest()
  /** How many will be ready soon, and how many of them are started for the first time. */
  #coming = 0
  #starting = 0
  /** When a runner was last given out or came back, by `performance.now()`. */
  #movedMs = Number.NEGATIVE_INFINITY
  #patience: NodeJS.Timeout | undefined
  #quiet: NodeJS.Timeout | undefined
  #running = 0
  readonly #demand = new RunnerDemand()

  /** Starts the first one ahead. */
  constructor(sandbox: Sandbox, watch: GroupWatch, locale: Locale = {}) {
    this.#sandbox = sandbox
    this.#watch = watch
    this.#locale = locale
    void this.#startOne()
  }

  /**
   * Starts a command, unless `admit` throws. Its group is watched: whoever gets it has the watch drop it when it is
   * gone. `signal` is for the start only. Rejects only if the command was not started, or was
   * ended by `kill`, which is given the group.
   */
  async run(
    line: CommandLine,
    admit: () => void,
    kill: (group: number) => Promise<void>,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly group: number; readonly command: RunnerCommand }> {
    for (let attempt = 1; ; attempt++) {
      const runner = await this.#take(signal)
      const { group } = runner
      try {
        if (signal?.aborted) throw cancelled('the command')
        admit()
      } catch (error) {
        this.#keep(runner)
        throw error
      }
      this.#watched.delete(runner)
      this.#rest.began(runner)
      const command = runner.run(line, () => this.#ended(runner))
      void this.#follow(runner, command)
      try {
        await unlessAborted(command.started, signal)
        return { group, command }
      } catch (error) {
        command.stdout.drop()
        command.stderr.drop()
        void command.gone.then(() => this.#watch.drop(group))
        if (signal?.aborted) {
          void kill(group).catch(() => {})
          throw cancelled('the command')
        }
        if (!(error instanceof RunnerEnded)) throw error
        if (attempt === attempts) throw unstarted(error.message)
      }
    }
  }

  /** Lets go of all of them, and refuses whoever waits. Their commands end with the guard. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#quiet)
    clearTimeout(this.#patience)
    this.#waiting.refuseAll(cancelled('the command'))
    this.#rest.wake()
    for (const runner of this.#all) runner.release()
  }

  /**
   * To be called when it is closed and no command is left. Resolves when none of the runners is, which
   * others could take for something that runs; after `endMs` in any case.
   */
  async ended(): Promise<void> {
    const late = setTimeout(() => this.#stop.abort(), endMs)
    await Promise.race([Promise.all(this.#ends), once(this.#stop.signal, 'abort')])
    clearTimeout(late)
  }

  /** What is done for the next command comes after the result of this one: it may be on the same core. */
  #ended(runner: Runner): void {
    setImmediate(() => {
      this.#rest.ended(runner)
      if (this.#waiting.size > 0) this.#rest.wake()
    })
  }

  #take(signal: AbortSignal | undefined): Promise<Runner> {
    if (this.#isClosed) return Promise.reject(cancelled('the command'))
    const taken = this.#waiting.wait({ signal, cancelled: () => cancelled('the command') })
    this.#demand.saw(this.#waiting.size + this.#running)
    this.#serve()
    return taken
  }

  /** Hands out what is ready, and starts what is missing. */
  #serve(): void {
    while (this.#waiting.size > 0) {
      const runner = this.#nextIdle()
      if (runner === undefined) break
      this.#movedMs = performance.now()
      this.#waiting.give(runner)
    }
    if (this.#waiting.size > 0) this.#rest.wake()
    if (this.#waiting.size <= this.#coming) return
    const patience = this.#all.size === 0 ? 0 : this.#movedMs + patienceMs - performance.now()
    if (patience > 0) {
      this.#patience ??= setTimeout(() => {
        this.#patience = undefined
        this.#serve()
      }, patience)
      return
    }
    while (this.#waiting.size > this.#coming && this.#starting < maxStarting) void this.#startOne()
  }

  #nextIdle(): Runner | undefined {
    for (;;) {
      const runner = this.#idle.pop()
      if (runner === undefined || runner.group > 0) return runner
    }
  }

  /** Resolves with whether there is one more; never rejects. */
  async #startOne(): Promise<boolean> {
    this.#coming += 1
    this.#starting += 1
    try {
      const runner = await this.#start()
      this.#all.add(runner)
      void runner.over.then(() => {
        this.#all.delete(runner)
        this.#rest.lost(runner)
        const group = this.#watched.get(runner)
        if (group !== undefined) this.#watch.drop(group)
        this.#watched.delete(runner)
      })
      if (this.#isClosed) runner.release()
      if (!(await runner.ready)) throw unstarted(runner.lastWords)
      this.#keep(runner)
      return true
    } catch (error) {
      // Who waits for this one is told why there is none; others are served by those that are coming.
      if (this.#waiting.size > this.#coming - 1) this.#waiting.refuseFirst(error)
      // The sandbox has no room for more (a limit of processes, say): commands come first.
      else this.#forgetPeak()
      return false
    } finally {
      this.#coming -= 1
      this.#starting -= 1
      this.#serve()
    }
  }

  #start(): Promise<Runner> {
    const start = Runner.start(this.#sandbox, this.#locale, this.#stop.signal)
    const end = start.then(
      ({ over }) => over,
      () => {},
    )
    this.#ends.add(end)
    void end.then(() => this.#ends.delete(end))
    return start
  }

  async #follow(runner: Runner, command: RunnerCommand): Promise<void> {
    this.#running += 1
    // When what was asked for has been sent: the next command is to find one too.
    setImmediate(() => {
      if (this.#idle.length + this.#coming === 0) void this.#startAhead()
    })
    await command.exit.catch(() => {})
    this.#running -= 1
    this.#movedMs = performance.now()
    this.#coming += 1
    if (await runner.ready) this.#keep(runner)
    this.#coming -= 1
    this.#serve()
    if (this.#running === 0 && this.#waiting.size === 0) this.#expectAsMany()
  }

  /** Whoever ran many at once does so again: the next time more of them find a runner. */
  #expectAsMany(): void {
    // Never more than twice as many as there are, because it may have been the only time.
    const wanted = Math.min(this.#demand.spare, 2 * this.#all.size)
    const startNext = () => {
      const isQuiet = this.#running === 0 && this.#waiting.size === 0 && this.#starting === 0
      if (!isQuiet || this.#all.size >= wanted) return
      // Where none can be started, trying on would never end.
      void this.#startAhead()?.then((isMore) => isMore && startNext())
    }
    startNext()
  }

  #startAhead(): Promise<boolean> | undefined {
    return this.#isClosed ? undefined : this.#startOne()
  }

  #keep(runner: Runner): void {
    const { group } = runner
    if (group > 0 && !this.#watched.has(runner)) {
      this.#watched.set(runner, group)
      this.#watch.add(group)
    }
    this.#idle.push(runner)
    this.#serve()
    if (this.#idle.length <= leastSpare || this.#isClosed) return
    this.#quiet ??= setTimeout(() => this.#letGo(), quietMs).unref()
  }

  /** Lets go of those that nobody has asked for in a while. */
  #letGo(): void {
    this.#quiet = undefined
    this.#demand.turn()
    this.#releaseIdle()
    if (this.#idle.length > leastSpare)
      this.#quiet = setTimeout(() => this.#letGo(), quietMs).unref()
  }

  #forgetPeak(): void {
    this.#demand.forget()
    this.#releaseIdle()
  }

  #releaseIdle(): void {
    const tooMany = Math.max(0, this.#idle.length - this.#demand.spare)
    for (const one of this.#idle.splice(0, tooMany)) one.release()
  }
}

/** `promise`, or a rejection as soon as `signal` is aborted. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

const unstarted = (reason: string) =>
  commandNotStarted(reason, 'Check that the image has a POSIX sh and setsid, then call again.')
