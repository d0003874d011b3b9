/** One SSH connection, through ssh2: what is asked of it once it is there. */
import type { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import { commandNotStarted, sandboxLost } from '../../errors.ts'
import type { Channel } from '../../sandbox.ts'
import { StreamChannel } from './stream-channel.ts'

export interface Connection {
  /**
   * Runs `command` in the login shell; what it says before it prints `mark`, in either stream, is left
   * out. Resolves with undefined when the host refuses one more channel on this connection; rejects
   * with `SANDBOX_LOST` when the connection has ended.
   */
  exec(command: string, mark: string): Promise<Channel | undefined>
  /** Resolves when it is gone, with the reason unless that is `close`. */
  readonly closed: Promise<Error | undefined>
  /** What runs on it is lost, at the latest when the host has not answered for some seconds. */
  close(): void
}

/** A host that is told of the end and has not ended its side by then does not answer. */
const endMs = 5_000

/** Over a client that is past authentication. `release` is called when it is gone. */
export class ClientConnection implements Connection {
  readonly closed: Promise<Error | undefined>
  readonly #client: Client
  readonly #sandbox: string
  #gone: Error | undefined
  #isLetGo = false
  #ending: NodeJS.Timeout | undefined

  constructor(client: Client, sandbox: string, release: () => void) {
    this.#client = client
    this.#sandbox = sandbox
    // Every channel that is being opened listens.
    client.setMaxListeners(0)
    client.on('error', (error) => {
      this.#gone ??= reasonOf(error)
    })
    this.closed = new Promise((resolve) => {
      client.once('close', () => {
        this.#gone ??= new Error('the connection was closed')
        clearTimeout(this.#ending)
        release()
        resolve(this.#isLetGo ? undefined : this.#gone)
      })
    })
  }

  exec(command: string, mark: string): Promise<Channel | undefined> {
    return new Promise((resolve, reject) => {
      const lost = () => reject(this.#lost('the connection ended'))
      if (this.#gone !== undefined) return lost()
      // ssh2 forgets those who wait for a channel when the connection ends.
      this.#client.once('close', lost)
      try {
        this.#client.exec(command, (error, stream) => {
          this.#client.off('close', lost)
          if (error === undefined)
            return resolve(new StreamChannel(stream, mark, (why) => this.#lost(why)))
          if ('reason' in error) return resolve(undefined)
          reject(noCommands(error))
        })
      } catch {
        lost()
      }
    })
  }

  close(): void {
    this.#isLetGo = this.#gone === undefined
    this.#gone ??= new Error('the connection was closed')
    this.#client.end()
    // Nobody else gives it up: ssh2 asks no more whether the host is there. What is waited for on it ends with it.
    this.#ending ??= setTimeout(() => cutOff(this.#client), endMs).unref()
  }

  #lost(why: string): Error {
    return sandboxLost(this.#sandbox, this.#gone?.message ?? why, this.#gone)
  }
}

/** What a socket or a pipe says of its end tells nobody anything. */
function reasonOf(error: Error & { level?: string }): Error {
  if (error.level === 'client-timeout') return new Error('the host has not answered for a minute')
  if (error.level !== 'client-socket') return error
  return new Error('the connection was cut', { cause: error })
}

/** `Client.destroy` does nothing once `end` was called. */
const cutOff = (client: Client) => (client as unknown as { _sock?: Duplex })._sock?.destroy()

const noCommands = (error: Error) =>
  commandNotStarted(
    `the host gives a session and runs no command in it: ${error.message}`,
    'Check that the account there may run commands and is not for file transfer only.',
    error,
  )
