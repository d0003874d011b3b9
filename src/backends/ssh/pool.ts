/**
 * The connections of one sandbox. They are opened as needed, and few at a time: sshd drops connections
 * when many are opened at once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { cancelled, commandNotStarted, isSandboxError, sandboxLost } from '../../errors.ts'
import type { Channel, Traffic } from '../../sandbox.ts'
import { Waiters } from '../../waiters.ts'
import { isPassing } from './connect-failure.ts'
import type { Connection } from './connection.ts'
import { unlessAborted } from './given-up-start.ts'
import { type Line, occupy, retire } from './line.ts'

export interface PoolLimits {
  /** Channels on a connection, and how many connections. */
  readonly channelsEach: number
  readonly connections: number
  /** Pauses before a failed connect is tried again; only what failed before authentication is. */
  readonly backoffMs: readonly number[]
  /** A connection that has carried nothing for this long is closed; undefined keeps it. */
  readonly idleMs?: number
}

/** sshd takes ten channels on a connection by default. */
const sshdLimits: PoolLimits = { channelsEach: 8, connections: 8, backoffMs: [200, 1_000] }
/** Transfers share one connection, and have none most of the time. */
const bulkLimits = { connections: 1, idleMs: 60_000 }
const maxOpening = 2
/** How many connections are tried for one channel, when they turn out to have ended. */
const attemptsToStart = 3
/** How long a command may wait for one of the others to end. */
const maxWaitMs = 30_000

/** Opens one more connection to the host, or rejects with what the user is told. */
export type Connect = (signal: AbortSignal) => Promise<Connection>

export class ConnectionPool {
  readonly #name: string
  readonly #connect: Connect
  readonly #limits: PoolLimits
  readonly #lines = new Set<Line>()
  readonly #waiting = new Waiters<Line>()
  readonly #stop = new AbortController()
  /** Resolves when there is one for the first time, and who waited for it has asked for a channel. */
  readonly connected: Promise<void>
  #tellConnected: () => void = () => {}
  #bulk: ConnectionPool | undefined
  #opening = 0
  /** How the last connection ended that nobody closed. */
  #loss: Error | undefined

  /** `name` is the sandbox's, for what is told about it. Nothing is connected before it is needed. */
  constructor(name: string, connect: Connect, limits = sshdLimits) {
    this.#name = name
    this.#connect = connect
    this.#limits = limits
    this.connected = new Promise((resolve) => {
      this.#tellConnected = resolve
    })
  }

  /** True when a channel can be had without opening a connection, with `spare` more left after it. */
  hasRoom(spare: number): boolean {
    if (this.#waiting.size > 0) return false
    return [...this.#lines].some(({ used, limit }) => used + spare < limit)
  }

  /**
   * Runs `command` on a connection with room, for what moves many bytes on one that carries nothing else;
   * the channel's output begins after `mark`. Waits politely; rejects only if nothing was started.
   */
  async exec(
    command: string,
    mark: string,
    signal: AbortSignal,
    traffic: Traffic = 'command',
  ): Promise<Channel> {
    if (traffic === 'bulk') return this.#bulkPool().exec(command, mark, signal)
    for (let attempt = 1; ; attempt++) {
      const line = await this.#take(signal)
      const starting = this.#start(line, command, mark)
      let channel: Channel | undefined
      try {
        channel = await unlessAborted(starting, signal)
      } catch (error) {
        // A connection that has ended is noticed when it is used: another may do.
        if (!isSandboxError(error, 'SANDBOX_LOST') || attempt === attemptsToStart) throw error
        continue
      }
      if (channel !== undefined) return channel
      if (line.limit > 0) continue
      // A host may free a channel some time after it has ended: another connection has one.
      if (line.hasServed && attempt < attemptsToStart) continue
      throw commandNotStarted(
        'the host accepts the connection and refuses every session on it',
        'Allow sessions there (MaxSessions in sshd_config).',
      )
    }
  }

  /** The same where there is room now, and undefined where there is none. */
  async execInRoom(command: string, mark: string): Promise<Channel | undefined> {
    const line = [...this.#lines].find(({ used, limit }) => used < limit)
    if (line === undefined) return undefined
    occupy(line)
    return this.#start(line, command, mark)
  }

  /** Undefined when the host is set to fewer channels: the connection is then as full as it gets. */
  async #start(line: Line, command: string, mark: string): Promise<Channel | undefined> {
    const asked = line.used
    let channel: Channel | undefined
    try {
      channel = await line.connection.exec(command, mark)
    } catch (error) {
      if (isSandboxError(error, 'SANDBOX_LOST')) line.limit = 0
      this.#release(line)
      throw error
    }
    if (channel === undefined) {
      // As many as there were when it was asked; some may have ended since.
      line.limit = Math.min(line.limit, asked - 1)
      if (line.limit === 0) line.connection.close()
      this.#release(line)
      return undefined
    }
    line.hasServed = true
    channel.exit.catch(() => {}).finally(() => this.#release(line))
    return channel
  }

  /** Ends all connections, and with them every channel. */
  close(): void {
    this.#stop.abort()
    this.#bulk?.close()
    this.#waiting.refuseAll(this.#closed())
    for (const { connection } of this.#lines) connection.close()
  }

  /** A sandbox is closed too when it was lost: that is why then. */
  #closed(): Error {
    return sandboxLost(this.#name, this.#loss?.message ?? 'it was closed', this.#loss)
  }

  #bulkPool(): ConnectionPool {
    if (this.#stop.signal.aborted) throw this.#closed()
    this.#bulk ??= new ConnectionPool(this.#name, this.#connect, { ...this.#limits, ...bulkLimits })
    return this.#bulk
  }

  async #take(signal: AbortSignal): Promise<Line> {
    if (this.#stop.signal.aborted) throw this.#closed()
    const taken = this.#waiting.wait({
      signal,
      cancelled: () => cancelled('the command'),
      limitMs: maxWaitMs,
      // A connection that is still being opened ends by its own deadline.
      tooLong: () =>
        this.#opening > 0 ? undefined : full(this.#lines.size * this.#limits.channelsEach),
    })
    this.#serve()
    return taken
  }

  #release(line: Line): void {
    line.used -= 1
    this.#serve()
    if (line.used === 0 && this.#limits.idleMs !== undefined) {
      line.idle = setTimeout(() => retire(line), this.#limits.idleMs).unref()
    }
  }

  #forget(line: Line): void {
    clearTimeout(line.idle)
    this.#lines.delete(line)
    this.#serve()
  }

  /** Hands out the room there is, and opens connections for those who still wait. */
  #serve(): void {
    for (const line of this.#lines) {
      while (line.used < line.limit && this.#waiting.give(line)) occupy(line)
    }
    const { channelsEach, connections } = this.#limits
    while (
      this.#waiting.size > this.#opening * channelsEach &&
      this.#opening < maxOpening &&
      this.#lines.size + this.#opening < connections
    ) {
      this.#opening += 1
      void this.#open()
    }
  }

  async #open(): Promise<void> {
    let failure: unknown
    try {
      const connection = await this.#connectPatiently()
      const line: Line = { connection, used: 0, limit: this.#limits.channelsEach, hasServed: false }
      this.#lines.add(line)
      this.#loss = undefined
      void connection.closed.then((loss) => {
        this.#loss = loss ?? this.#loss
        this.#forget(line)
      })
      if (this.#stop.signal.aborted) connection.close()
    } catch (error) {
      failure = error
    }
    this.#opening -= 1
    if (failure !== undefined && this.#opening === 0) {
      if (this.#lines.size === 0) this.#waiting.refuseAll(failure)
      // The others can hope for a channel of another connection.
      else this.#waiting.refuseOverdue(failure)
    }
    if (failure !== undefined) return
    this.#serve()
    // Whoever waits for a channel asks for it first.
    setImmediate(this.#tellConnected)
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
