/**
 * MCP on stdin and stdout: a message of JSON-RPC to a line. It is a `Transport` of the SDK,
 * whose own checks the shape of each message, which the SDK does once more when it looks what kind it is.
 */

import type { Readable, Writable } from 'node:stream'
import { shown } from '../errors.ts'

/** More of one message than this ends the connection; the SDK's transports take no more either. */
const messageLimitBytes = 10 * 1024 * 1024

const lineFeed = 0x0a

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
  send(message: object): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stdout.write(`${JSON.stringify(message)}\n`)) resolve()
      else this.#stdout.once('drain', resolve)
    })
  }

  async close(): Promise<void> {
    this.#stdin.off('data', this.#take)
    this.#stdin.off('error', this.#fail)
    this.#stdin.pause()
    this.#parts = []
    this.onclose?.()
  }

  #taken(chunk: Buffer): void {
    let from = 0
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, from)) {
      const last = chunk.subarray(from, end)
      from = end + 1
      if (!this.#hasRoomFor(last)) return
      const line = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last])
      this.#parts = []
      this.#bytes = 0
      this.#read(line.toString())
    }
    const rest = chunk.subarray(from)
    if (rest.length === 0 || !this.#hasRoomFor(rest)) return
    this.#parts.push(rest)
    this.#bytes += rest.length
  }

  #hasRoomFor({ length }: Buffer): boolean {
    if (this.#bytes + length <= messageLimitBytes) return true
    this.onerror?.(new Error(`a message of the client is larger than ${messageLimitBytes} bytes`))
    void this.close()
    return false
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
