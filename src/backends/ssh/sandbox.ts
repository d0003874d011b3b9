/** An open sandbox on an SSH host: scripts go to shells that wait there for them. */
import { randomBytes } from 'node:crypto'
import { cancelled, isSandboxError } from '../../errors.ts'
import { quote } from '../../posix-sh.ts'
import type { BackendKind, Channel, Sandbox, Traffic } from '../../sandbox.ts'
import { discard } from './given-up-start.ts'
import type { ConnectionPool } from './pool.ts'
import { scriptLine, waitForScript } from './waiting-shell.ts'

/** Names the sandbox in the environment of every process in it, so that removing it finds them. */
export const sandboxVariable = 'SANDBOX_MCP_SANDBOX'

/** How many shells wait for the next script while nobody needs their channels. */
const waitingShells = 2

export interface SshSandboxOptions {
  readonly kind?: BackendKind
  readonly agentRoot?: string
  /** False for what only looks after the sandbox: it must outlive its processes. */
  readonly marked?: boolean
  readonly ownDirectory?: string
  readonly stale?: string
  /** The command for the login shell that has `words`, argv of one program in shell text, run. */
  readonly command?: (words: string) => string
}

interface Shell {
  readonly channel: Channel
  ended: boolean
}

/**
 * A login shell with a heavy start-up file, and the round trips of a new channel, would cost every
 * command: so a shell is started ahead of each, and a script is then one line to it.
 */
export class SshSandbox implements Sandbox {
  readonly kind: BackendKind
  readonly name: string
  readonly root: string
  readonly agentRoot?: string
  readonly ownDirectory?: string
  readonly stale?: string
  readonly #pool: ConnectionPool
  readonly #marked: boolean
  readonly #command: string
  readonly #mark = randomBytes(12).toString('hex')
  readonly #shells: Shell[] = []
  #starting = 0
  #closed = false

  constructor(name: string, root: string, pool: ConnectionPool, options: SshSandboxOptions = {}) {
    const { kind = 'ssh', marked = true, command = replaceShell } = options
    const { agentRoot, ownDirectory, stale } = options
    this.kind = kind
    if (stale !== undefined) this.stale = stale
    if (agentRoot !== undefined) this.agentRoot = agentRoot
    if (ownDirectory !== undefined) this.ownDirectory = ownDirectory
    this.name = name
    this.root = root
    this.#pool = pool
    this.#marked = marked
    this.#command = command(
      `env ${sandboxVariable}=${marked ? name : ''} sh -c ${quote(waitForScript(this.#mark))}`,
    )
  }

  async start(script: string, signal: AbortSignal, traffic: Traffic = 'command'): Promise<Channel> {
    if (signal.aborted) throw cancelled('the command')
    const line = scriptLine(script)
    const channel =
      (traffic === 'command' ? this.#waiting() : undefined) ??
      (await this.#pool.exec(this.#command, this.#mark, signal, traffic))
    if (signal.aborted) {
      discard(channel)
      throw cancelled('the command')
    }
    channel.stdin.write(line)
    this.#startAhead()
    return channel
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#pool.close()
  }

  #waiting(): Channel | undefined {
    for (;;) {
      const shell = this.#shells.shift()
      if (shell === undefined || !shell.ended) return shell?.channel
    }
  }

  /** Never at the cost of a connection, nor of the last channel of one. */
  #startAhead(): void {
    while (
      !this.#closed &&
      this.#marked &&
      this.#shells.length + this.#starting < waitingShells &&
      this.#pool.hasRoom(this.#starting + 1)
    ) {
      this.#starting += 1
      this.#pool
        .execInRoom(this.#command, this.#mark)
        .then(
          (channel) => channel && this.#keep(channel),
          (error: unknown) => {
            // Whoever needs a shell next is told why there is none.
            if (!isSandboxError(error)) throw error
          },
        )
        .finally(() => {
          this.#starting -= 1
        })
    }
  }

  #keep(channel: Channel): void {
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
