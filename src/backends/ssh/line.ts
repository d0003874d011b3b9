/** One connection of a pool, and how much of it is in use. */
import type { Connection } from './connection.ts'

export interface Line {
  readonly connection: Connection
  /** Channels that are open or being opened. */
  used: number
  /** How many it takes; 0 when nothing new is to be started on it. */
  limit: number
  /** Whether it has had a channel. */
  hasServed: boolean
  /** Closes it when nothing else is started. */
  idle?: NodeJS.Timeout
}

export function occupy(line: Line): void {
  line.used += 1
  clearTimeout(line.idle)
}

/** Closes a connection that carries nothing. */
export function retire(line: Line): void {
  line.limit = 0
  line.connection.close()
}
