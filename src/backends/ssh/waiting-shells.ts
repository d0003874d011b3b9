/**
 * Shells on an SSH host that wait for a script each. A login shell with a heavy start-up file, and the round trips of a
 * new channel, would cost every command: so a shell is started ahead of each, and a script is then one line to it.
 */
import { randomBytes } from 'node:crypto'
import { cancelled, isSandboxError } from '../../errors.ts'
import { quote } from '../../posix-sh.ts'
import type { Channel, Traffic } from '../../sandbox.ts'
import { discard, unlessAborted } from './given-up-start.ts'
import type { ConnectionPool } from './pool.ts'
import { scriptLine, waitForScript } from './waiting-shell.ts'

/** Names the sandbox in the environment of every process in it, so that removing it finds them. */
export const sandboxVariable = 'SANDBOX_MCP_SANDBOX'

/**
 * A bash that is told commands reads ~/.bashrc where it takes itself for the first shell of an SSH session, as every
 * one would below a shell that replaces itself. Start-up files are the login shell's: one that goes elsewhere, prints or
 * takes its time would do so in each command.
 */
const belowLogin = 'SHLVL=1'

/** How many wait for the next script while nobody needs their channels. */
const most = 2
/** What a sandbox that is opened takes at once: two scripts fill it, and then there are its guard and a runner. */
const firstScripts = 4

export interface WaitingShellsOptions {
  /** The sandbox whose processes they are; without it they look after one, and outlive its processes. */
  readonly sandbox?: string
  /** The command for the login shell that has `words`, argv of one program in shell text, run. */
  readonly command?: (words: string) => string
}

interface Shell {
  readonly channel: Channel
  ended: boolean
}

export class WaitingShells {
  readonly #pool: ConnectionPool
  readonly #command: string
  /** Whether another one is started for each that is taken. */
  readonly #areReplaced: boolean
  readonly #mark = randomBytes(12).toString('hex')
  readonly #shells: Shell[] = []
  readonly #coming = new Set<Promise<undefined>>()
  /** Who waits for one of these. */
  #claims = 0
  #closed = false

  constructor(pool: ConnectionPool, options: WaitingShellsOptions = {}) {
    const { sandbox, command = replaceShell } = options
    this.#pool = pool
    this.#areReplaced = sandbox !== undefined
    this.#command = command(
      `env ${sandboxVariable}=${sandbox ?? ''} ${belowLogin} sh -c ${quote(waitForScript(this.#mark))}`,
    )
  }

  /** As `Sandbox.start`. */
  async start(script: string, signal: AbortSignal, traffic: Traffic = 'command'): Promise<Channel> {
    if (signal.aborted) throw cancelled('the command')
    const line = scriptLine(script, this.#mark)
    const channel =
      (traffic === 'command' ? await this.#next(signal) : undefined) ??
      (await this.#pool.exec(this.#command, this.#mark, signal, traffic))
    if (signal.aborted) {
      discard(channel)
      throw cancelled('the command')
    }
    channel.stdin.write(line)
    if (this.#areReplaced) this.#startAhead(most)
    return channel
  }

  /** Starts so many as soon as there is a connection, which this does not open. */
  prepare(count = firstScripts): void {
    void this.#pool.connected.then(() => this.#startAhead(count))
  }

  /** Ends those that wait. */
  dismiss(): void {
    this.#closed = true
    for (const { channel } of this.#shells.splice(0)) discard(channel)
  }

  /** Ends the connections. */
  close(): void {
    this.#closed = true
    this.#pool.close()
  }

  /** One that waits, or will before another could. */
  async #next(signal: AbortSignal): Promise<Channel | undefined> {
    for (;;) {
      const shell = this.#shells.shift()
      if (shell?.ended === false) return shell.channel
      if (shell !== undefined) continue
      if (this.#claims >= this.#coming.size) return undefined
      this.#claims += 1
      try {
        await unlessAborted(Promise.race(this.#coming), signal)
      } finally {
        this.#claims -= 1
      }
    }
  }

  /** Never at the cost of a connection, nor of the last channel of one. */
  #startAhead(count: number): void {
    while (
      !this.#closed &&
      this.#shells.length + this.#coming.size < count &&
      this.#pool.hasRoom(1)
    ) {
      const coming: Promise<undefined> = this.#pool
        .execInRoom(this.#command, this.#mark)
        .then(
          (channel) => {
            if (channel !== undefined) this.#keep(channel)
            return undefined
          },
          (error: unknown) => {
            // Whoever needs a shell next is told why there is none.
            if (!isSandboxError(error)) throw error
            return undefined
          },
        )
        .finally(() => this.#coming.delete(coming))
      this.#coming.add(coming)
    }
  }

  #keep(channel: Channel): void {
    if (this.#closed) {
      discard(channel)
      return
    }
    const shell = { channel, ended: false }
    channel.stdin.on('error', () => {})
    channel.exit
      .catch(() => {})
      .finally(() => {
        shell.ended = true
      })
    this.#shells.push(shell)
  }
}

const replaceShell = (words: string) => `exec ${words}`
