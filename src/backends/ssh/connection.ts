/** One SSH connection, through ssh2: the only file that knows it. */
import type { Duplex } from 'node:stream'
import {
  type AnyAuthMethod,
  Client,
  type ClientChannel,
  type ConnectConfig,
  type ServerHostKeyAlgorithm,
  utils,
} from 'ssh2'
import { cancelled, isSandboxError, sandboxLost } from '../../errors.ts'
import type { Channel } from '../../sandbox.ts'
import { type AuthTrail, connectFailure } from './connect-failure.ts'
import type { Destination, HostKeys } from './destination.ts'
import { judgeHostKey } from './known-hosts.ts'
import { StreamChannel } from './stream-channel.ts'

export interface Connection {
  /**
   * Runs `command` in the login shell; what it says before it prints `mark`, in either stream, is left
   * out. Resolves with undefined when the host refuses one more channel on this connection.
   */
  exec(command: string, mark: string): Promise<Channel | undefined>
  /** Resolves when it is gone, for whatever reason. */
  readonly closed: Promise<void>
  close(): void
}

/** `sandbox` is whose loss the channels tell when the connection ends. */
export async function connect(
  destination: Destination,
  sandbox: string,
  signal: AbortSignal,
): Promise<Connection> {
  const via = destination.jump && (await connectJump(destination.jump, destination, signal))
  try {
    const client = await ready(destination, via?.stream, signal)
    // Without it Nagle's algorithm and delayed acknowledgements cost 40 ms a channel.
    client.setNoDelay(true)
    return new ClientConnection(client, sandbox, () => via?.client.end())
  } catch (error) {
    via?.client.end()
    throw error
  }
}

/**
 * The same over `stream`, which somebody else opened and answers for: the other end asks for no proof, and
 * its host key is not looked at. Rejects with `CANCELLED` or with what ssh2 says. The stream is destroyed
 * when it fails, and when the connection ends.
 */
export async function connectOver(
  stream: Duplex,
  sandbox: string,
  connectMs: number,
  signal: AbortSignal,
): Promise<Connection> {
  const config: ConnectConfig = { sock: stream, username: 'sandbox', authHandler: ['none'] }
  try {
    const client = await handshake(config, connectMs, sandbox, signal)
    return new ClientConnection(client, sandbox, () => stream.destroy())
  } catch (error) {
    stream.destroy()
    throw error
  }
}

async function connectJump(jump: Destination, next: Destination, signal: AbortSignal) {
  const outer = jump.jump && (await connectJump(jump.jump, jump, signal))
  const client = await ready(jump, outer?.stream, signal)
  client.setNoDelay(true)
  if (outer !== undefined) client.once('close', () => outer.client.end())
  const stream = await new Promise<ClientChannel>((resolve, reject) => {
    client.forwardOut('127.0.0.1', 0, next.host, next.port, (error, channel) => {
      if (error === undefined) return resolve(channel)
      client.end()
      const refusal = Object.assign(error, { level: 'client-socket' })
      reject(connectFailure(next, refusal, { offered: [], tried: [] }, jump.host))
    })
  })
  return { client, stream }
}

/** A client that is past authentication, or an error that says at which step it failed. */
async function ready(
  destination: Destination,
  sock: Duplex | undefined,
  signal: AbortSignal,
): Promise<Client> {
  const auth = authentication(destination)
  let rejectedKey: Buffer | undefined
  const config: ConnectConfig = {
    host: destination.host,
    port: destination.port,
    username: destination.user,
    authHandler: auth.next,
    ...(sock === undefined ? {} : { sock }),
    algorithms: {
      serverHostKey: { prepend: knownAlgorithms(destination.hostKeys), append: [], remove: [] },
    },
    hostVerifier: (key: Buffer) => {
      const accepted = accepts(destination.hostKeys, key)
      if (!accepted) rejectedKey = key
      return accepted
    },
  }
  try {
    return await handshake(config, destination.connectMs, destination.host, signal)
  } catch (error) {
    if (isSandboxError(error, 'CANCELLED')) throw error
    throw connectFailure(destination, error, auth.trail, undefined, rejectedKey)
  }
}

/** Rejects with `CANCELLED` or with what ssh2 says; `host` is what a cancelled attempt was for. */
function handshake(
  config: ConnectConfig,
  connectMs: number,
  host: string,
  signal: AbortSignal,
): Promise<Client> {
  const client = new Client()
  return new Promise<Client>((resolve, reject) => {
    const settle = (action: () => void) => {
      clearTimeout(deadline)
      signal.removeEventListener('abort', abort)
      action()
    }
    const fail = (error: unknown) =>
      settle(() => {
        client.destroy()
        reject(error)
      })
    const abort = () => fail(cancelled(`connecting to ${host}`))
    const late = Object.assign(new Error('no answer'), { level: 'client-timeout' })
    const deadline = setTimeout(() => fail(late), connectMs)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    // An error after it is ready is followed by 'close', which is what the channels are told.
    client.on('error', fail)
    client.once('close', () => fail(new Error('the host closed the connection')))
    client.once('ready', () => settle(() => resolve(client)))
    client.connect({
      ...config,
      readyTimeout: 0,
      keepaliveInterval: 15_000,
      keepaliveCountMax: 3,
    })
  })
}

function accepts({ known, name, strict }: HostKeys, key: Buffer): boolean {
  const verdict = judgeHostKey(known, name, key)
  return verdict === 'known' || (!strict && verdict !== 'revoked')
}

/** A host is asked for the kind of key that is known of it, as it may have several. */
function knownAlgorithms({ known, name }: HostKeys): ServerHostKeyAlgorithm[] {
  const usable: Record<string, ServerHostKeyAlgorithm[]> = {
    'ssh-ed25519': ['ssh-ed25519'],
    'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
    'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
    'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
    'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
  }
  const about = known.filter((line) => !line.revoked && line.matches(name))
  return [...new Set(about.flatMap(({ type }) => usable[type] ?? []))]
}

/** Tries what there is in turn, the agent first, and notes it for the error. */
function authentication({ user, agent, identities }: Destination) {
  const trail: AuthTrail = { offered: [], tried: [] }
  const methods: (AnyAuthMethod & { label: string })[] = [
    // Tells which methods the host has, and is all that some need (Tailscale SSH).
    { type: 'none', username: user, label: '' },
    ...(agent ? [{ type: 'agent' as const, username: user, agent, label: `agent ${agent}` }] : []),
  ]
  for (const { label, key } of identities) {
    const parsed = utils.parseKey(key)
    if (parsed instanceof Error) {
      const locked = /encrypted|passphrase/i.test(parsed.message)
      trail.tried.push(`${label} (${locked ? 'needs a passphrase' : 'not a usable private key'})`)
    } else methods.push({ type: 'publickey', username: user, key: parsed, label })
  }
  const next = (
    left: string[] | null,
    _partial: unknown,
    go: (method: AnyAuthMethod | false) => void,
  ) => {
    if (left !== null) trail.offered = left
    const method = methods.shift()
    if (method?.label) trail.tried.push(method.label)
    go(method ?? false)
  }
  return { trail, next: next as never }
}

class ClientConnection implements Connection {
  readonly closed: Promise<void>
  readonly #client: Client
  readonly #sandbox: string
  #gone: Error | undefined

  constructor(client: Client, sandbox: string, release: () => void) {
    this.#client = client
    this.#sandbox = sandbox
    // Every channel that is being opened listens.
    client.setMaxListeners(0)
    client.on('error', (error) => {
      this.#gone ??= error
    })
    this.closed = new Promise((resolve) => {
      client.once('close', () => {
        this.#gone ??= new Error('the connection was closed')
        release()
        resolve()
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
          reject(this.#lost(error.message))
        })
      } catch {
        lost()
      }
    })
  }

  close(): void {
    this.#gone ??= new Error('the connection was closed')
    this.#client.end()
  }

  #lost(why: string): Error {
    return sandboxLost(this.#sandbox, this.#gone?.message ?? why, this.#gone)
  }
}
