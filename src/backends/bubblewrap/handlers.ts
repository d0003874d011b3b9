/**
 * The handlers of one connection: a few wait inside for a script, so that a start costs no new
 * process on the host and none that has to be waited for inside.
 */
import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { chown } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { cancelled, type SandboxError, sandboxLost } from '../../errors.ts'
import { Waiters } from '../../waiters.ts'
import { type ChannelPlace, fifoKinds, Handler } from './channel.ts'

/** How many handlers wait for a script when nothing else is asked for. */
const spareHandlers = 3
/** FIFOs are made by a process on the host, and so for many channels at a time. */
const channelsPerBatch = 16
/** A handler that is not ready by then never will be. */
const handlerDeadlineMs = 10_000
/** Handlers can be killed from inside while they wait; this many in a row are no accident. */
const failuresAllowed = 3

/** The numbers that the processes of a sandbox have. */
export interface Numbers {
  readonly uid: number
  readonly gid: number
}

/** Makes FIFOs that the sandbox's processes own. */
export async function makeFifos(directory: string, names: readonly string[], owner: Numbers) {
  await execa('mkfifo', ['-m', '600', ...names], { cwd: directory, stdin: 'ignore' })
  if (process.getuid?.() !== 0) return
  await Promise.all(names.map((name) => chown(join(directory, name), owner.uid, owner.gid)))
}

export class HandlerPool {
  readonly #place: ChannelPlace
  /** Where the holder reads what it is asked for. */
  readonly #requests: number
  /** All that have no script yet; the idle ones among them are ready for one. */
  readonly #handlers = new Set<Handler>()
  readonly #idle = new Set<Handler>()
  readonly #waiting = new Waiters<Handler>()
  #identifiers: string[] = []
  #batch: Promise<void> | undefined
  #coming = 0
  #failures = 0
  #over: SandboxError | undefined

  constructor(place: ChannelPlace, requests: number) {
    this.#place = place
    this.#requests = requests
    this.#replenish()
  }

  /** A handler that is ready for a script; it is the caller's from now on. */
  async take(signal: AbortSignal): Promise<Handler> {
    if (signal.aborted) throw cancelled('starting the command')
    if (this.#over !== undefined) throw this.#over
    const handler = this.#takeIdle() ?? (await this.#nextHandler(signal))
    this.#handlers.delete(handler)
    // After the script has been started: what it takes is not in its way then.
    setImmediate(() => this.#replenish())
    return handler
  }

  /** Refuses everybody with `error`, now and later, and lets go of all handlers it still has. */
  end(error: SandboxError): void {
    if (this.#over !== undefined) return
    this.#over = error
    this.#waiting.refuseAll(error)
    for (const handler of this.#handlers) handler.close()
  }

  /** Resolves when nothing is being made in the connection's directory any more. */
  async settled(): Promise<void> {
    await this.#batch?.catch(() => {})
  }

  #takeIdle(): Handler | undefined {
    const [handler] = this.#idle
    if (handler !== undefined) this.#idle.delete(handler)
    return handler
  }

  #nextHandler(signal: AbortSignal): Promise<Handler> {
    const next = this.#waiting.wait({
      signal,
      cancelled: () => cancelled('starting the command'),
      limitMs: handlerDeadlineMs,
      tooLong: () => sandboxLost(this.#place.sandbox, 'its holder does not answer'),
    })
    this.#replenish()
    return next
  }

  /** Asks for as many handlers as are waited for, and some to spare. */
  #replenish(): void {
    const wanted = this.#waiting.size + spareHandlers - this.#idle.size
    for (; this.#coming < wanted && this.#over === undefined; this.#coming++) {
      this.#callHandler().catch((error: unknown) => {
        this.#coming--
        this.end(sandboxLost(this.#place.sandbox, `its holder could not be asked: ${error}`, error))
      })
    }
  }

  async #callHandler(): Promise<void> {
    const id = await this.#nextIdentifier()
    if (id === undefined) return
    const handler = new Handler(this.#place, id)
    this.#handlers.add(handler)
    const deadline = setTimeout(() => handler.close(), handlerDeadlineMs).unref()
    void handler.ended.then(() => {
      this.#idle.delete(handler)
      if (this.#handlers.delete(handler)) handler.close()
    })
    await this.#request(`${basename(this.#place.directory)}/${id}\n`)
    const ready = await handler.ready
    clearTimeout(deadline)
    this.#coming--
    if (this.#over !== undefined) return
    if (ready) this.#welcome(handler)
    else this.#miss()
  }

  #welcome(handler: Handler): void {
    this.#failures = 0
    if (!this.#waiting.give(handler)) this.#idle.add(handler)
  }

  #miss(): void {
    this.#failures++
    if (this.#waiting.size === 0) return
    if (this.#failures < failuresAllowed) {
      this.#replenish()
      return
    }
    this.#failures = 0
    const error = sandboxLost(this.#place.sandbox, 'it does not start what should run the command')
    this.#waiting.refuseAll(error)
  }

  /** One short line, so that the lines of several servers never mix (pipe(7), PIPE_BUF). */
  async #request(line: string): Promise<void> {
    for (;;) {
      if (this.#over !== undefined) return
      try {
        writeSync(this.#requests, line)
        return
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
        await sleep(5)
      }
    }
  }

  /** Undefined when the pool has ended: its directory is on its way out. */
  async #nextIdentifier(): Promise<string | undefined> {
    while (this.#over === undefined) {
      const id = this.#identifiers.pop()
      if (id !== undefined) return id
      this.#batch ??= this.#makeBatch().finally(() => {
        this.#batch = undefined
      })
      await this.#batch
    }
    return undefined
  }

  async #makeBatch(): Promise<void> {
    const count = Math.max(channelsPerBatch, this.#coming)
    const ids = Array.from({ length: count }, () => randomBytes(9).toString('hex'))
    const names = ids.flatMap((id) => fifoKinds.map((kind) => `${id}.${kind}`))
    await makeFifos(this.#place.directory, names, this.#place)
    this.#identifiers = ids
  }
}
