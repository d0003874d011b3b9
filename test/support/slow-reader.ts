/** The built server with a client that reads its answers when it is told to, and not before. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { entry, type World } from './stdio-server.ts'

/** What a server has said; `result` of an answer, `params` of a notification. */
interface Message {
  readonly id?: number
  readonly method?: string
  readonly result?: { readonly content?: readonly { readonly text?: string }[] }
  readonly params?: Readonly<Record<string, unknown>>
}

export interface SlowReader {
  readonly pid: number
  /** All that was read, in order. */
  readonly messages: readonly Message[]
  request(id: number, method: string, params?: object): void
  /** From now on what the server says stays where it is. */
  stopReading(): void
  /** Whether there is more to read than this side holds without reading. */
  readonly isFull: boolean
  read(): void
  /** Ends the server as a client does. */
  close(): Promise<void>
}

/** Resolves when it has answered `initialize`; it is read then. */
export async function startSlowReader(world: World, args: readonly string[]): Promise<SlowReader> {
  const child = spawn(process.execPath, [entry, '--workspace', world.workspace, ...args], {
    env: world.env,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const messages: Message[] = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) messages.push(JSON.parse(line))
  })
  const send = (message: object) =>
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const request = (id: number, method: string, params: object = {}) => {
    send({ id, method, params })
  }
  request(0, 'initialize', {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'slow', version: '0' },
  })
  await once(child.stdout, 'data')
  send({ method: 'notifications/initialized' })
  return {
    pid: child.pid as number,
    messages,
    request,
    stopReading: () => void child.stdout.pause(),
    get isFull() {
      return child.stdout.readableLength >= child.stdout.readableHighWaterMark
    },
    read: () => void child.stdout.resume(),
    async close() {
      const ended = once(child, 'close')
      child.stdout.resume()
      child.stdin.end()
      await ended
    },
  }
}

/** The most memory that a process has had, in bytes; Linux tells. */
export function peakMemory(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1024
}
