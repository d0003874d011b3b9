/** The gateway's port: calls, watches, executions and connections, over HTTP. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ExecEvent, type ExecRequest, Status } from '../protocol.ts'
import { execInSandbox } from './exec.ts'
import type { Gateway } from './gateway.ts'
import { connectTo } from './relays.ts'

export class GatewayServer {
  readonly #gateway: Gateway
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #port = 0

  constructor(gateway: Gateway) {
    this.#gateway = gateway
  }

  /** Listens on the port it had before, if it had one. */
  async up(): Promise<number> {
    const server = createServer((request, response) => void this.#answer(request, response))
    server.on('upgrade', (request, socket) => void this.#forward(request, socket))
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
    return this.#port
  }

  /** Refuses connections and cuts those there are. */
  async down(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => server?.close(() => resolve()) ?? resolve())
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = JSON.parse((await collect(request)) || '{}')
      const path = request.url ?? ''
      if (path === '/watch') return this.#watch(body.id, response)
      if (path === '/exec') return await this.#exec(body, response)
      const name = path.replace('/rpc/', '')
      const method = this.#gateway.methods[name]
      if (method === undefined) throw new Status('Unimplemented', name)
      this.#gateway.authorise(name, body.workspace ?? 'default')
      response.end(JSON.stringify(await method(body as never)))
    } catch (error) {
      refuse(response, error)
    }
  }

  #watch(id: string, response: ServerResponse): void {
    const record = this.#gateway.byId(id)
    response.write(`${JSON.stringify(record.view)}\n`)
    const stop = record.watch((view) => {
      if (view === undefined) response.end()
      else response.write(`${JSON.stringify(view)}\n`)
    })
    response.on('close', stop)
  }

  async #exec(request: ExecRequest, response: ServerResponse): Promise<void> {
    this.#gateway.authorise('ExecSandbox', 'default')
    const record = this.#gateway.requireExec(request)
    await execInSandbox(await connectTo(record), request, (event: ExecEvent) =>
      response.write(`${JSON.stringify(event)}\n`),
    )
    response.end()
  }

  async #forward(request: IncomingMessage, socket: Duplex): Promise<void> {
    socket.on('error', () => {})
    try {
      const header = String(request.headers['x-forward'])
      const { id, token, pid } = JSON.parse(header)
      this.#gateway.authorise('ForwardTcp', 'default')
      const record = this.#gateway.byId(id)
      const server = await this.#gateway.relays.open(record, token)
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: relay\r\n\r\n',
      )
      this.#gateway.relays.join(record, token, pid, socket, server)
    } catch (error) {
      if (!(error instanceof Status)) throw error
      const body = JSON.stringify({ code: error.code, message: error.message })
      socket.end(
        `HTTP/1.1 409 Refused\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
    }
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  if (!(error instanceof Status)) throw error
  response.statusCode = 409
  response.end(JSON.stringify({ code: error.code, message: error.message }))
}

async function collect(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
