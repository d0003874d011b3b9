/** SSH sessions and the connections that run through the gateway. */
import { randomUUID } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { type Duplex, Transform } from 'node:stream'
import { type Knobs, Status } from '../protocol.ts'
import { socketOnHost } from '../sandbox/root.ts'
import type { SandboxRecord } from './records.ts'

interface Relay {
  readonly token: string
  readonly sandbox: string
  /** Process id of the proxy at the client's end. */
  readonly pid: number
  readonly client: Duplex
  readonly server: Socket
}

export class Relays {
  readonly #tokens = new Map<string, { readonly sandbox: string; readonly madeMs: number }>()
  readonly #open = new Set<Relay>()
  #count = 0
  readonly #knobs: () => Knobs

  constructor(knobs: () => Knobs) {
    this.#knobs = knobs
  }

  createSession(sandbox: SandboxRecord): { token: string } {
    requireReady(sandbox)
    const token = randomUUID()
    this.#tokens.set(token, { sandbox: sandbox.id, madeMs: Date.now() })
    return { token }
  }

  hasSessions(sandbox: string): boolean {
    return [...this.#tokens.values()].some((session) => session.sandbox === sandbox)
  }

  /** From now on connections are counted anew. */
  resetCount(): void {
    this.#count = 0
  }

  /** What is open: how many connections for each sandbox. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { sandbox } of this.#open) counts[sandbox] = (counts[sandbox] ?? 0) + 1
    return counts
  }

  /** Opens the server's end; the limits and the token are only looked at now. Throws `Status`. */
  async open(sandbox: SandboxRecord, token: string): Promise<Socket> {
    const { connectionsPerToken, connectionsPerSandbox, refuseConnections, tokenTtlMs } =
      this.#knobs()
    requireReady(sandbox)
    const session = this.#tokens.get(token)
    if (session === undefined) throw new Status('Unauthenticated', 'SSH session token not found')
    if (session.sandbox !== sandbox.id) {
      throw new Status('Unauthenticated', 'SSH session token is not valid')
    }
    if (tokenTtlMs > 0 && Date.now() - session.madeMs >= tokenTtlMs) {
      throw new Status('Unauthenticated', 'SSH session token expired')
    }
    const open = [...this.#open]
    if (open.filter((relay) => relay.token === token).length >= connectionsPerToken) {
      throw new Status('ResourceExhausted', 'SSH session connection limit reached')
    }
    if (open.filter((relay) => relay.sandbox === sandbox.id).length >= connectionsPerSandbox) {
      throw new Status('ResourceExhausted', 'sandbox SSH connection limit reached')
    }
    this.#count += 1
    if (refuseConnections.includes(this.#count)) {
      throw new Status('Unavailable', 'supervisor relay failed: supervisor session not connected')
    }
    return connectTo(sandbox)
  }

  /** Passes bytes both ways until one end is gone. */
  join(sandbox: SandboxRecord, token: string, pid: number, client: Duplex, server: Socket): void {
    const relay: Relay = { token, sandbox: sandbox.id, pid, client, server }
    this.#open.add(relay)
    const end = () => {
      this.#open.delete(relay)
      client.destroy()
      server.destroy()
    }
    for (const stream of [client, server]) {
      stream.on('error', end)
      stream.on('close', end)
    }
    const rate = this.#knobs().bytesPerSecond
    if (rate > 0) {
      client.pipe(new Throttle(rate)).pipe(server)
      server.pipe(new Throttle(rate)).pipe(client)
    } else {
      client.pipe(server)
      server.pipe(client)
    }
  }

  /** Cuts connections, of one sandbox or of all; resolves with how many. */
  drop(sandbox?: string): number {
    const cut = [...this.#open].filter(
      (relay) => sandbox === undefined || relay.sandbox === sandbox,
    )
    for (const { client, server } of cut) {
      client.destroy()
      server.destroy()
    }
    return cut.length
  }

  /** Kills the process at the client's end of the oldest connection; its pid, or nothing. */
  killProxy(): number | undefined {
    const [oldest] = this.#open
    if (oldest !== undefined) process.kill(oldest.pid, 'SIGKILL')
    return oldest?.pid
  }

  forget(sandbox: string): void {
    this.drop(sandbox)
    for (const [token, session] of this.#tokens) {
      if (session.sandbox === sandbox) this.#tokens.delete(token)
    }
  }
}

/** The SSH server of a sandbox. Throws `Status`. */
export async function connectTo(sandbox: SandboxRecord): Promise<Socket> {
  const server = connect({ path: socketOnHost(sandbox.place), allowHalfOpen: true })
  await new Promise<void>((resolve, reject) => {
    server.once('connect', resolve)
    server.once('error', (error) =>
      reject(new Status('Unavailable', `supervisor relay failed: ${error.message}`)),
    )
  })
  return server
}

function requireReady(sandbox: SandboxRecord): void {
  if (sandbox.phase !== 'Ready') throw new Status('FailedPrecondition', 'sandbox is not ready')
}

class Throttle extends Transform {
  readonly #rate: number

  constructor(bytesPerSecond: number) {
    super()
    this.#rate = bytesPerSecond
  }

  override _transform(chunk: Buffer, _encoding: string, done: (e?: Error) => void): void {
    this.push(chunk)
    setTimeout(done, (chunk.length * 1000) / this.#rate)
  }
}
