/**
 * MCP on stdin and stdout: a message of JSON-RPC to a line. It is a `Transport` of the SDK,
 * whose own checks the shape of each message, which the SDK does once more when it looks what kind it is.
 */

import type { Readable, Writable } from 'node:stream'
import { shown } from '../errors.ts'
import { OversizedMessage } from './oversized-message.ts'

/** A message that is larger is not read; the SDK's transports take no more either. */
const messageLimitBytes = 10 * 1024 * 1024

const lineFeed = 0x0a
/** JSON-RPC's. */
const invalidRequest = -32600

export class StdioTransport {
  onmessage?: (message: object) => void
  /** What is no message is told, and passed over. */
  onerror?: (error: Error) => void
  onclose?: () => void
  readonly #stdin: Readable
  readonly #stdout: Writable
  /** A line that has begun. */
  #parts: Buffer[] = []
  #bytes = 0
  /** Instead of its parts, once it has become too large. */
  #oversized: OversizedMessage | undefined
  /** While the client's end has no room. */
  #drained: Promise<void> | undefined
  readonly #take = (chunk: Buffer) => this.#taken(chunk)
  readonly #fail = (error: Error) => this.onerror?.(error)

  constructor(stdin: Readable = process.stdin, stdout: Writable = process.stdout) {
    this.#stdin = stdin
    this.#stdout = stdout
  }

  async start(): Promise<void> {
    this.#stdin.on('data', this.#take)
    this.#stdin.on('error', this.#fail)
  }

  /** Resolves when the client's end has taken it, or will. */
  async send(message: object): Promise<void> {
    if (this.#stdout.write(`${JSON.stringify(message)}\n`)) return
    // Many answers can wait for one client.
    this.#drained ??= new Promise((resolve) => {
      this.#stdout.once('drain', () => {
        this.#drained = undefined
        resolve()
      })
    })
    await this.#drained
  }

  async close(): Promise<void> {
    this.#stdin.off('data', this.#take)
    this.#stdin.off('error', this.#fail)
    this.#stdin.pause()
    this.#parts = []
    this.#oversized = undefined
    this.onclose?.()
  }

  #taken(chunk: Buffer): void {
    let from = 0
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, from)) {
      this.#add(chunk.subarray(from, end))
      from = end + 1
      this.#ended()
    }
    if (from < chunk.length) this.#add(chunk.subarray(from))
  }

  #add(part: Buffer): void {
    this.#bytes += part.length
    if (this.#bytes <= messageLimitBytes) {
      this.#parts.push(part)
      return
    }
    this.#oversized ??= new OversizedMessage()
    for (const one of [...this.#parts, part]) this.#oversized.take(one)
    this.#parts = []
  }

  #ended(): void {
    const [parts, oversized] = [this.#parts, this.#oversized]
    this.#parts = []
    this.#bytes = 0
    this.#oversized = undefined
    if (oversized !== undefined) this.#refuse(oversized)
    else this.#read((parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)).toString())
  }

  /** Who sent a request is told; of anything else only the log is. */
  #refuse({ bytes, requestId: id }: OversizedMessage): void {
    const told = `a message of the client has ${bytes} bytes; one of more than ${messageLimitBytes} is not read`
    this.onerror?.(new Error(told))
    if (id === undefined) return
    const message = `${told}. Nothing of it was done: send less at a time, for instance a large file in parts.`
    void this.send({ jsonrpc: '2.0', id, error: { code: invalidRequest, message } })
  }

  #read(line: string): void {
    let message: unknown
    try {
      message = JSON.parse(line)
    } catch {}
    if (typeof message === 'object' && message !== null) this.onmessage?.(message)
    else this.onerror?.(new Error(`the client sent a line that is no message: ${shown(line)}`))
  }
}
