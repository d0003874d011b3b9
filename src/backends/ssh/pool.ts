/** The connections of one sandbox: transfers have one of their own, so that no command waits behind them. */
import type { Channel, Traffic } from '../../sandbox.ts'
import { type Connect, Lines } from './lines.ts'

const channelsEach = 8
const bulkIdleMs = 60_000

export class ConnectionPool {
  readonly #command: Lines
  readonly #bulk: Lines

  /** `name` is the sandbox's, for what is told about it. Nothing is connected before it is needed. */
  constructor(name: string, connect: Connect) {
    this.#command = new Lines(name, connect, { channelsEach, connections: 8 })
    this.#bulk = new Lines(name, connect, { channelsEach, connections: 1, idleMs: bulkIdleMs })
  }

  /**
   * Runs `command`; the channel's output begins after `mark`. Waits politely for a channel; rejects
   * only if nothing was started.
   */
  exec(command: string, mark: string, signal: AbortSignal, traffic: Traffic): Promise<Channel> {
    return (traffic === 'bulk' ? this.#bulk : this.#command).exec(command, mark, signal)
  }

  /**
   * True when a channel for commands can be had without opening a connection, with `spare` more left
   * after it.
   */
  hasRoom(spare: number): boolean {
    return this.#command.hasRoom(spare)
  }

  /** As `exec`, for a command where there is room now; undefined where there is none. */
  execInRoom(command: string, mark: string): Promise<Channel | undefined> {
    return this.#command.execInRoom(command, mark)
  }

  /** Ends all connections, and with them every channel. */
  close(): void {
    this.#command.close()
    this.#bulk.close()
  }
}
