/** An SSH connection to a sandbox over the stdio of `openshell ssh-proxy`. */
import { Duplex } from 'node:stream'
import { backendUnavailable, isSandboxError, type SandboxError } from '../../errors.ts'
import { connectOver } from '../ssh/connect.ts'
import { markPassing } from '../ssh/connect-failure.ts'
import type { Connection } from '../ssh/connection.ts'
import type { PoolLimits } from '../ssh/pool.ts'
import type { OpenShellCommand } from './command.ts'
import { failureOf } from './failures.ts'
import { readable } from './readable-text.ts'

/**
 * A sandbox takes 20 connections, which people and other servers want to share, and any number of
 * channels on each; transfers have one more. A sandbox that dips to Provisioning, and a limit that is
 * reached, pass in seconds.
 */
export const openShellLimits: PoolLimits = {
  channelsEach: 16,
  connections: 5,
  backoffMs: [250, 500, 1_000, 2_000, 4_000, 8_000],
}

/** The gateway waits 25 s for the sandbox's side, and 10 s may pass before it is reached itself. */
const connectMs = 60_000
/** How long a connection that was told to end may take, and then its process. */
const endMs = 2_000
const keptBytes = 8_192

/** The connection keeps its process: that ends with it. */
export async function connectThroughProxy(
  command: OpenShellCommand,
  name: string,
  signal: AbortSignal,
): Promise<Connection> {
  const { proxy } = await command.startProxy(name, signal)
  let said = ''
  proxy.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-keptBytes)
  })
  // Its end is told by the end of the connection.
  proxy.stdin.on('error', () => {})
  // Not execa's own, which is not closed before the process has ended.
  const stream = Duplex.from({ readable: proxy.stdout, writable: proxy.stdin })
  // By itself it ends soon, and says why, unless its gateway says nothing any more.
  stream.once('close', () => setTimeout(() => proxy.kill(), endMs).unref())
  try {
    const connection = await connectOver(stream, name, connectMs, signal)
    return {
      exec: (line, mark) => connection.exec(line, mark),
      closed: connection.closed,
      close() {
        connection.close()
        setTimeout(() => stream.destroy(), endMs).unref()
      },
    }
  } catch (error) {
    if (isSandboxError(error)) throw error
    const { failed, exitCode } = await proxy
    const ended = failed && exitCode !== undefined
    throw ended ? refusal(command, name, said) : brokenOff(name, said, error)
  }
}

/** The process has ended by itself, and said why. */
function refusal(command: OpenShellCommand, name: string, said: string): SandboxError {
  const context = { call: 'ssh-proxy', name, settings: command.settings }
  const { kind, error } = failureOf(said, context)
  return kind === 'passing' ? markPassing(error) : error
}

function brokenOff(name: string, said: string, cause: unknown): SandboxError {
  const { level, message } = cause as { level?: string; message?: string }
  const isLate = level === 'client-timeout'
  const why = isLate ? `no answer within ${connectMs / 1000} s` : `${message}`
  const failure = backendUnavailable(
    `sandbox ${name} could not be connected to by SSH: ${why}${said === '' ? '' : `; ${readable(said)}`}`,
    `Look with "openshell logs ${name}", then call again.`,
    cause,
  )
  return isLate ? failure : markPassing(failure)
}
