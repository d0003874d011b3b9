/** How an SSH connection is made, through ssh2: over which way, and past authentication. */
import type { Duplex } from 'node:stream'
import { Client, type ClientChannel, type ConnectConfig } from 'ssh2'
import { cancelled, isSandboxError } from '../../errors.ts'
import { authentication } from './authentication.ts'
import { acceptCertificates } from './certified-signature.ts'
import { closedByHost, connectFailure, noTrail } from './connect-failure.ts'
import { ClientConnection, type Connection } from './connection.ts'
import type { Destination } from './destination.ts'
import { acceptsHostKey, knownAlgorithms } from './known-hosts.ts'
import { startProxy } from './proxy-command.ts'

/** `sandbox` is whose loss the channels tell when the connection ends. */
export async function connect(
  destination: Destination,
  sandbox: string,
  signal: AbortSignal,
): Promise<Connection> {
  const way = await openWay(destination, signal)
  try {
    const client = await ready(destination, way, signal)
    return new ClientConnection(client, sandbox, () => way?.close())
  } catch (error) {
    way?.close()
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

/** What carries a connection where it is not a socket of its own. */
interface Way {
  readonly stream: Duplex
  /** Continues "to the host …". */
  readonly words: string
  /** How it ended, if it is the way that has failed. */
  ending(): Promise<string | undefined>
  close(): void
}

async function openWay(destination: Destination, signal: AbortSignal): Promise<Way | undefined> {
  const { jump, proxyCommand } = destination
  if (proxyCommand !== undefined) {
    return { ...startProxy(proxyCommand), words: 'through its ProxyCommand' }
  }
  if (jump === undefined) return undefined
  const outer = await openWay(jump, signal)
  try {
    const client = await ready(jump, outer, signal)
    client.once('close', () => outer?.close())
    const words = `from ${jump.host}`
    const stream = await forward(client, destination, words, signal)
    return { stream, words, ending: async () => undefined, close: () => client.end() }
  } catch (error) {
    outer?.close()
    throw error
  }
}

/** A stream from the host of `client` to `destination`. The client ends when there is none. */
function forward(
  client: Client,
  destination: Destination,
  words: string,
  signal: AbortSignal,
): Promise<ClientChannel> {
  const { host, port, connectMs } = destination
  return new Promise<ClientChannel>((resolve, reject) => {
    const fail = (cause: object) => {
      client.end()
      reject(
        signal.aborted
          ? cancelled(`connecting to ${host}`)
          : connectFailure(destination, cause, { trail: noTrail, words }),
      )
    }
    const late = AbortSignal.any([signal, AbortSignal.timeout(connectMs)])
    const tooLate = () => fail({ level: 'client-timeout' })
    if (late.aborted) return tooLate()
    late.addEventListener('abort', tooLate, { once: true })
    client.forwardOut('127.0.0.1', 0, host, port, (error, channel) => {
      late.removeEventListener('abort', tooLate)
      if (error === undefined) resolve(channel)
      else fail(Object.assign(error, { level: 'client-socket' }))
    })
  })
}

/** A client that is past authentication, or an error that says at which step it failed. */
async function ready(
  destination: Destination,
  way: Way | undefined,
  signal: AbortSignal,
): Promise<Client> {
  const { hostKeys, connectMs, host } = destination
  const { trail, next } = authentication(destination)
  let rejectedKey: Buffer | undefined
  const config: ConnectConfig = {
    host: destination.host,
    port: destination.port,
    username: destination.user,
    authHandler: next as never,
    ...(way && { sock: way.stream }),
    algorithms: {
      serverHostKey: { prepend: knownAlgorithms(hostKeys), append: [], remove: [] },
    },
    hostVerifier: (key: Buffer) => {
      const accepted = acceptsHostKey(hostKeys, key)
      if (!accepted) rejectedKey = key
      return accepted
    },
  }
  try {
    return await handshake(config, connectMs, host, signal, trail)
  } catch (error) {
    if (isSandboxError(error, 'CANCELLED')) throw error
    const { words } = way ?? {}
    throw connectFailure(destination, error, {
      trail,
      words,
      rejectedKey,
      ending: await way?.ending(),
    })
  }
}

/** So long an agent may take that asks its user: for a touch, a fingerprint, a password. */
const agentMs = 45_000

/** Rejects with `CANCELLED` or with what ssh2 says; `host` is what a cancelled attempt was for. */
function handshake(
  config: ConnectConfig,
  connectMs: number,
  host: string,
  signal: AbortSignal,
  trail = noTrail,
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
    const begin = performance.now()
    const late = () => {
      const { isAgentAsked = false, agentAnsweredMs = begin } = trail
      // What an agent takes is not the host's time.
      const endMs = isAgentAsked ? begin + agentMs : agentAnsweredMs + connectMs
      const leftMs = endMs - performance.now()
      const level = isAgentAsked ? 'agent' : 'client-timeout'
      if (leftMs < 1) fail(Object.assign(new Error('no answer'), { level }))
      else deadline = setTimeout(late, Math.min(leftMs, connectMs))
    }
    let deadline = setTimeout(late, connectMs)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    // An error after it is ready is followed by 'close', which is what the channels are told.
    client.on('error', fail)
    client.once('close', () => fail(new Error(closedByHost)))
    client.once('ready', () => settle(() => resolve(client)))
    client.connect({
      ...config,
      readyTimeout: 0,
      keepaliveInterval: 15_000,
      keepaliveCountMax: 3,
    })
    // Without it Nagle's algorithm and delayed acknowledgements cost 40 ms, at the handshake and in each channel.
    client.setNoDelay(true)
    acceptCertificates(client)
  })
}
