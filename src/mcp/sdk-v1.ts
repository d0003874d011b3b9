/**
 * The server on `@modelcontextprotocol/sdk` 1.x, which is imported here only, so that another line of
 * the SDK is one more file like this. The low-level `Server` is used because `McpServer` has no paging
 * of resources and answers unknown tools with a result instead of an error.
 */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  ErrorCode,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  type ServerNotification,
  type ServerRequest,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type { Sight } from '../resources/sight.ts'
import type { OpenContext } from '../sandbox.ts'
import type { Session } from '../session.ts'
import type { Tool } from '../tools/tool.ts'
import { callTool, listTool, unknownTool } from './call-tool.ts'
import { Progress } from './progress.ts'
import { RequestError, ResourceRequests, resourceTemplates } from './resource-requests.ts'

export interface ServerOptions {
  readonly version: string
  readonly instructions: string
  readonly tools: readonly Tool[]
  readonly session: Session
  /** What is seen of the session's workspace. */
  readonly sight: Sight
}

/** Speaks MCP on stdin and stdout until `closed`, which tells why it ended. */
export function serveStdio(options: ServerOptions): Promise<{ closed: Promise<string> }> {
  return serveOn(new StdioServerTransport(), options)
}

/** Speaks MCP on any transport of the SDK. */
export async function serveOn(
  transport: Transport,
  options: ServerOptions,
): Promise<{ closed: Promise<string> }> {
  const { server, closed } = buildServer(options)
  await server.connect(transport)
  return { closed }
}

/** A server that answers as `options` say once it is connected, and then until `closed`. */
export function buildServer(options: ServerOptions): { server: Server; closed: Promise<string> } {
  const server = new Server(
    { name: 'sandbox-mcp', title: 'Sandbox', version: options.version },
    {
      capabilities: {
        tools: {},
        resources: { subscribe: true, listChanged: true },
        completions: {},
      },
      instructions: options.instructions,
    },
  )
  const resources = new ResourceRequests(options.session, options.sight, {
    updated: (uri) => void server.sendResourceUpdated({ uri }).catch(() => {}),
    listChanged: () => void server.sendResourceListChanged().catch(() => {}),
  })
  answerTools(server, options, resources)
  answerResources(server, resources)
  const closed = new Promise<string>((resolve) => {
    server.onclose = () => {
      resources.close()
      resolve('the connection was closed')
    }
    server.onerror = (error) => console.error(`sandbox-mcp: ${error.message}`)
  })
  return { server, closed }
}

function answerTools(
  server: Server,
  { tools, session }: ServerOptions,
  resources: ResourceRequests,
): void {
  const listed = tools.map(listTool)
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: listed }) as never)

  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = tools.find(({ name }) => name === params.name)
    if (tool === undefined) throw invalidParams(unknownTool(params.name, tools))
    const progress = progressOf(extra)
    try {
      const result = await callTool(tool, params.arguments, {
        session,
        signal: extra.signal,
        progress: (done, message) => progress.tell(done, message),
      })
      return result as never
    } finally {
      progress.stop()
      if (!tool.annotations.readOnlyHint) resources.afterCall()
    }
  })
}

function answerResources(server: Server, resources: ResourceRequests): void {
  server.setRequestHandler(ListResourcesRequestSchema, ({ params }, extra) =>
    asRpc(() => inContext(extra, (context) => resources.list(params?.cursor, context))),
  )
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [...resourceTemplates],
  }))
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }, extra) =>
    asRpc(() => inContext(extra, (context) => resources.read(params.uri, context))),
  )
  server.setRequestHandler(SubscribeRequestSchema, async ({ params }, extra) => {
    await asRpc(() => inContext(extra, (context) => resources.subscribe(params.uri, context)))
    return {}
  })
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
    resources.unsubscribe(params.uri)
    return {}
  })
  server.setRequestHandler(CompleteRequestSchema, ({ params: { ref, argument } }) =>
    asRpc(async () => {
      if (ref.type !== 'ref/resource') throw new RequestError('there are no prompts')
      const completion = await resources.complete(ref.uri, argument.name, argument.value)
      return { completion: { ...completion } }
    }),
  )
}

/** What a handler is told besides its request. */
type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>

/** Sends nothing where the client did not ask for progress. */
function progressOf({ _meta, sendNotification }: Extra): Progress {
  const progressToken = _meta?.progressToken
  return new Progress((done, message) => {
    if (progressToken === undefined) return
    void sendNotification({
      method: 'notifications/progress',
      params: { progressToken, progress: done, message },
    }).catch(() => {})
  })
}

/** For what may have to open the sandbox. */
async function inContext<T>(extra: Extra, run: (context: OpenContext) => Promise<T>): Promise<T> {
  const progress = progressOf(extra)
  try {
    return await run({ signal: extra.signal, report: (message) => progress.tell(0, message) })
  } finally {
    progress.stop()
  }
}

/** What is nobody's mistake but ours is told without its details: they can hold the host's paths. */
async function asRpc<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof RequestError) throw invalidParams(error.message, error.data)
    console.error(error)
    throw new Error('sandbox-mcp failed at this request; its log (stderr) has the details')
  }
}

/** The SDK puts its own words before a message; clients show them, so they are taken off again. */
function invalidParams(message: string, data?: object): McpError {
  const error = new McpError(ErrorCode.InvalidParams, message, data)
  error.message = message
  return error
}
