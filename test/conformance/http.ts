/** Streamable HTTP for tests: MCP's own suite reaches servers in no other way. */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'

export interface HttpServer {
  readonly url: string
  close(): Promise<void>
}

/** Listens on the loopback; `connect` gives each client's transport a server of its own. */
export async function serveHttp(connect: (transport: Transport) => Promise<unknown>) {
  const transports = new Map<string, StreamableHTTPServerTransport>()
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      console.error(error)
      if (!response.headersSent) response.writeHead(500)
      response.end()
    })
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isLocal(request)) {
      response.writeHead(403).end()
      return
    }
    const id = request.headers['mcp-session-id']
    if (id !== undefined) {
      const known = transports.get(String(id))
      if (known === undefined) response.writeHead(404).end()
      else await known.handleRequest(request, response)
      return
    }
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (made) => void transports.set(made, transport),
      onsessionclosed: (ended) => void transports.delete(ended),
    })
    // The SDK's class says `| undefined` where its interface, under exactOptionalPropertyTypes, may not.
    await connect(transport as Transport)
    await transport.handleRequest(request, response)
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = async () => {
    await Promise.all([...transports.values()].map((transport) => transport.close()))
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://localhost:${port}/mcp`, close } satisfies HttpServer
}

/** A page that had its name rebound to this address shows in what the browser says of it. */
function isLocal({ headers }: IncomingMessage): boolean {
  const local = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/
  const origin = headers.origin?.replace(/^https?:\/\//, '')
  return local.test(headers.host ?? '') && (origin === undefined || local.test(origin))
}
