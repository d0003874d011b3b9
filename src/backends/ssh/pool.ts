/**
 * The connections of one sandbox. sshd takes ten channels on a connection by default, and drops
 * connections when many are opened at once: so there are few on each, and they are opened as needed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { cancelled, commandNotStarted, sandboxLost } from '../../errors.ts'
import type { Channel } from '../../sandbox.ts'
import { isPassing } from './connect-failure.ts'
import type { Connection } from './connection.ts'

export interface PoolLimits {
  /** Channels on a connection, and how many connections. */
  readonly channelsEach: number
  readonly connections: number
  /** Pauses before a failed connect is tried again; only what failed before authentication is. */
  readonly backoffMs: readonly number[]
}

const sshdLimits: PoolLimits = { channelsEach: 8, connections: 8, backoffMs: [200, 1_000] }
const maxOpening = 2
/** How long a command may wait for one of the others to end. */
const maxWaitMs = 30_000

interface Line {
  readonly connection: Connection
  /** Channels that are open or being opened. */
  used: number
  limit: number
}

interface Waiter {
  /** It has waited for long, and only for a connection that is being opened. */
  overdue: boolean
  give(line: Line): void
  fail(error: unknown): void
}

export class ConnectionPool {
  readonly #name: string
  readonly #connect: (signal: AbortSignal) => Promise<Connection>
  readonly #limits: PoolLimits
  readonly #lines = new Set<Line>()
  readonly #waiting = new Set<Waiter>()
  readonly #stop = new AbortController()
  #opening = 0

  constructor(
    name: string,
    connect: (signal: AbortSignal) => Promise<Connection>,
    limits: PoolLimits = sshdLimits,
  ) {
    this.#name = name
    this.#connect = connect
    this.#limits = limits
  }

  /** True when a channel can be had without opening a connection, with `spare` more left after it. */
  hasRoom(spare: number): boolean {
    if (this.#waiting.size > 0) return false
    return [...this.#lines].some(({ used, limit }) => used + spare < limit)
  }

  /**
   * Runs `command` on a connection with room; the channel's output begins after `mark`. Waits politely;
   * rejects only if nothing was started.
   */
  async exec(command: string, mark: string, signal: AbortSignal): Promise<Channel> {
    for (;;) {
      const line = await this.#take(signal)
      const channel = await this.#start(line, command, mark)
      if (channel === undefined) {
        if (line.limit > 0) continue
        line.connection.close()
        throw commandNotStarted(
          'the host accepts the connection and refuses every session on it',
          'Allow sessions there (MaxSessions in sshd_config).',
        )
      }
      return channel
    }
  }

  /** The same where there is room now, and undefined where there is none. */
  async execInRoom(command: string, mark: string): Promise<Channel | undefined> {
    const line = [...this.#lines].find(({ used, limit }) => used < limit)
    if (line === undefined) return undefined
    line.used += 1
    return this.#start(line, command, mark)
  }

  /** Undefined when the host is set to fewer channels: the connection is then as full as it gets. */
  async #start(line: Line, command: string, mark: string): Promise<Channel | undefined> {
    let channel: Channel | undefined
    try {
      channel = await line.connection.exec(command, mark)
    } catch (error) {
      this.#release(line)
      throw error
    }
    if (channel === undefined) {
      line.limit = line.used - 1
      this.#release(line)
    } else channel.exit.catch(() => {}).finally(() => this.#release(line))
    return channel
  }

  /** Ends all connections, and with them every channel. */
  close(): void {
    this.#stop.abort()
    for (const waiter of this.#waiting) waiter.fail(sandboxLost(this.#name, 'it was closed'))
    for (const { connection } of this.#lines) connection.close()
  }

  #take(signal: AbortSignal): Promise<Line> {
    if (this.#stop.signal.aborted) throw sandboxLost(this.#name, 'it was closed')
    if (signal.aborted) throw cancelled('the command')
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        this.#waiting.delete(waiter)
      }
      const waiter: Waiter = {
        overdue: false,
        give: (line) => {
          leave()
          line.used += 1
          resolve(line)
        },
        fail: (error) => {
          leave()
          reject(error)
        },
      }
      const abort = () => waiter.fail(cancelled('the command'))
      const timer = setTimeout(() => {
        // A connection that is still being opened ends by its own deadline.
        if (this.#opening > 0) waiter.overdue = true
        else waiter.fail(full(this.#lines.size * this.#limits.channelsEach))
      }, maxWaitMs)
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting.add(waiter)
      this.#serve()
    })
  }

  #release(line: Line): void {
    line.used -= 1
    this.#serve()
  }

  /** Hands out the room there is, and opens connections for those who still wait. */
  #serve(): void {
    for (const line of this.#lines) {
      for (const waiter of this.#waiting) {
        if (line.used >= line.limit) break
        waiter.give(line)
      }
    }
    while (
      this.#waiting.size > this.#opening * this.#limits.channelsEach &&
      this.#opening < maxOpening &&
      this.#lines.size + this.#opening < this.#limits.connections
    ) {
      this.#opening += 1
      void this.#open()
    }
  }

  async #open(): Promise<void> {
    let failure: unknown
    try {
      const connection = await this.#connectPatiently()
      const line = { connection, used: 0, limit: this.#limits.channelsEach }
      this.#lines.add(line)
      void connection.closed.then(() => this.#lines.delete(line))
      if (this.#stop.signal.aborted) connection.close()
    } catch (error) {
      failure = error
    }
    this.#opening -= 1
    if (failure !== undefined && this.#opening === 0) {
      for (const waiter of this.#waiting) {
        // The others can hope for a channel of another connection.
        if (this.#lines.size === 0 || waiter.overdue) waiter.fail(failure)
      }
    }
    if (failure === undefined) this.#serve()
  }

  async #connectPatiently(): Promise<Connection> {
    for (const pause of this.#limits.backoffMs) {
      try {
        return await this.#connect(this.#stop.signal)
      } catch (error) {
        if (!isPassing(error) || this.#stop.signal.aborted) throw error
      }
      await sleep(pause, undefined, { signal: this.#stop.signal })
    }
    return this.#connect(this.#stop.signal)
  }
}

const full = (channels: number) =>
  commandNotStarted(
    `${channels} commands run in the sandbox over SSH already, and none ended in ${maxWaitMs / 1000} s`,
    'End background commands with process, then call again.',
  )
