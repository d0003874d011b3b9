/**
 * The server on `@modelcontextprotocol/sdk` 1.x, which is imported here only, so that another line of
 * the SDK is one more file like this. The low-level `Server` is used because `McpServer` has no paging
 * of resources and answers unknown tools with a result instead of an error.
 */
import './plain-zod.ts'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CompleteRequestSchema,
  ErrorCode,
  type JSONRPCMessage,
  JSONRPCRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  RootsListChangedNotificationSchema,
  type ServerNotification,
  type ServerRequest,
  type ServerResult,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import { isSandboxError } from '../errors.ts'
import type { OpenContext } from '../sandbox.ts'
import type { Tool } from '../tools/tool.ts'
import { answerCall } from './answer-call.ts'
import type { ResourceRequests } from './answers.ts'
import { problemsOf, refusalOf } from './bad-requests.ts'
import { askRoots, type ClientRoots } from './client-roots.ts'
import { CurrentSession } from './current-session.ts'
import { InTurn } from './in-turn.ts'
import { answers } from './load-answers.ts'
import { Progress } from './progress.ts'
import { RequestError } from './request-error.ts'
import type { SessionProvider } from './session-provider.ts'
import { StdioTransport } from './stdio-transport.ts'
import { listedFor, resultFor } from './structured-content.ts'
import { type Send, ToolCalls } from './tool-calls.ts'
import { UnreadNotices } from './unread-notices.ts'

export interface ServerOptions {
  readonly version: string
  readonly instructions: string
  /** Those that are offered; asked for when the client asks for them, or calls one. */
  readonly tools: () => Promise<readonly Tool[]>
  readonly sessions: SessionProvider
}

/** The SDK's own refuses all roots for one that is no file: that is judged where one is chosen. */
const anyRoots = z.object({ roots: z.array(z.object({ uri: z.string() })) })

/** Speaks MCP on stdin and stdout until `closed`, which tells why it ended. */
export function serveStdio(options: ServerOptions): Promise<{ closed: Promise<string> }> {
  return serveOn(new StdioTransport(), options)
}

/** Speaks MCP on any transport of the SDK. */
export async function serveOn(
  transport: Transport,
  options: ServerOptions,
): Promise<{ closed: Promise<string> }> {
  const { connect, closed } = buildServer(options)
  await connect(transport)
  return { closed }
}

export interface BuiltServer {
  readonly server: Server
  /** Instead of the server's own, which knows no tools. Once. */
  connect(transport: Transport): Promise<void>
  /** Tells why it ended. */
  readonly closed: Promise<string>
}

/** A server that answers as `options` say once it is connected, and then until `closed`. */
export function buildServer(options: ServerOptions): BuiltServer {
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
  const current = serveSession(server, options.sessions)
  listTools(server, options)
  answerResources(server, current)
  let calls: ToolCalls | undefined
  const connect = async (transport: Transport) => {
    const send: Send = (message, about) => transport.send(message as JSONRPCMessage, about)
    const mine = new ToolCalls(async (call) => {
      const result = await answerCall(call, options.tools, current)
      return resultFor(server.getClientVersion()?.name, result)
    }, send)
    calls = mine
    await server.connect(transport)
    const others = transport.onmessage
    transport.onmessage = (message, extra) => {
      if (mine.take(message)) return
      const refusal = refusalOf(message, JSONRPCRequestSchema)
      if (refusal === undefined) others?.(message, extra)
      else void send(refusal, { relatedRequestId: refusal.id }).catch(() => {})
    }
  }
  const closed = new Promise<string>((resolve) => {
    server.onclose = () => {
      calls?.close()
      current.close()
      resolve('the connection was closed')
    }
    server.onerror = (error) => console.error(`sandbox-mcp: ${error.message}`)
  })
  return { server, connect, closed }
}

/** The session is got with the client's roots, and its resources tell the client what changes. */
function serveSession(server: Server, sessions: SessionProvider): CurrentSession {
  const updates = new UnreadNotices((uri) => server.sendResourceUpdated({ uri }))
  const lists = new UnreadNotices(() => server.sendResourceListChanged())
  const current = new CurrentSession(sessions, rootsOf(server), {
    updated: (uri) => updates.tell(uri),
    listChanged: () => lists.tell('resources'),
  })
  server.setNotificationHandler(RootsListChangedNotificationSchema, () => current.rootsChanged())
  return current
}

/** Clients may be asked once they have said that they are ready. */
function rootsOf(server: Server): ClientRoots {
  const ready = new Promise<void>((resolve) => {
    server.oninitialized = resolve
  })
  return {
    list: async () => {
      if (server.getClientCapabilities()?.roots === undefined) return []
      try {
        return await askRoots({
          ready,
          ask: async (signal) => {
            const answer = await server.request({ method: 'roots/list' }, anyRoots, { signal })
            return answer.roots.map(({ uri }) => uri)
          },
          ping: () => server.ping(),
        })
      } catch (error) {
        console.error(`sandbox-mcp: the client did not tell its roots: ${String(error)}`)
        return []
      }
    },
  }
}

function listTools(server: Server, { tools }: ServerOptions): void {
  let listed: readonly object[] | undefined
  handle(server, ListToolsRequestSchema, async () => {
    const [offered, { listTool }] = await Promise.all([tools(), answers()])
    listed ??= offered.map((tool) => listedFor(server.getClientVersion()?.name, listTool(tool)))
    return { tools: listed } as never
  })
}

function answerResources(server: Server, current: CurrentSession): void {
  const ask = <T>(
    extra: Extra,
    run: (resources: ResourceRequests, context: OpenContext) => Promise<T>,
  ) =>
    asRpc(extra.signal, async () => {
      const { session, resources } = await current.get()
      return inContext(extra, (context) => session.during(() => run(resources, context)))
    })
  handle(server, ListResourcesRequestSchema, ({ params }, extra) =>
    ask(extra, (resources, context) => {
      const waits = extra._meta?.progressToken !== undefined
      return resources.list(params?.cursor, context, waits)
    }),
  )
  handle(server, ListResourceTemplatesRequestSchema, async () => ({
    resourceTemplates: [...(await answers()).resourceTemplates],
  }))
  handle(server, ReadResourceRequestSchema, ({ params }, extra) =>
    ask(extra, (resources, context) => resources.read(params.uri, context)),
  )
  const subscriptions = new InTurn()
  handle(server, SubscribeRequestSchema, async ({ params: { uri } }, extra) => {
    const subscribe = () => ask(extra, (resources, context) => resources.subscribe(uri, context))
    await subscriptions.run(uri, subscribe)
    return {}
  })
  handle(server, UnsubscribeRequestSchema, async ({ params: { uri } }) => {
    await subscriptions.run(uri, async () => current.opened?.resources.unsubscribe(uri))
    return {}
  })
  handle(server, CompleteRequestSchema, ({ params: { ref, argument } }, extra) =>
    ask(extra, async (resources) => {
      if (ref.type !== 'ref/resource') throw new RequestError('there are no prompts')
      const completion = await resources.complete(ref.uri, argument.name, argument.value)
      return { completion: { ...completion } }
    }),
  )
}

/** What does not fit the schema is the client's mistake: to the SDK it is a failure of ours. */
function handle<
  Method extends string,
  Schema extends z.ZodObject<{ method: z.ZodLiteral<Method> }>,
>(
  server: Server,
  schema: Schema,
  run: (request: z.output<Schema>, extra: Extra) => ServerResult | Promise<ServerResult>,
): void {
  const any = z.looseObject({ method: schema.shape.method })
  server.setRequestHandler(any, (request, extra) => {
    const parsed = schema.safeParse(request)
    if (!parsed.success) throw invalidParams(problemsOf(parsed.error))
    return run(parsed.data, extra)
  })
}

/** What a handler is told besides its request. */
type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>

/** Sends nothing where the client did not ask for progress. */
function progressOf({ _meta, sendNotification }: Extra): Progress {
  const progressToken = _meta?.progressToken
  return new Progress(async (done, message) => {
    if (progressToken === undefined) return
    await sendNotification({
      method: 'notifications/progress',
      params: { progressToken, progress: done, message },
    })
  })
}

/** For what may have to open the sandbox. */
async function inContext<T>(extra: Extra, run: (context: OpenContext) => Promise<T>): Promise<T> {
  const progress = progressOf(extra)
  try {
    return await run({ signal: extra.signal, report: (message) => progress.tell(0, () => message) })
  } finally {
    progress.stop()
  }
}

/** What is nobody's mistake but ours is told without its details: they can hold the host's paths. */
async function asRpc<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof RequestError) throw invalidParams(error.message, error.data)
    if (isSandboxError(error)) throw new Error(`${error.message}. ${error.hint}`)
    // Of a request that was cancelled nobody is told anything.
    if (!signal.aborted) console.error(error)
    throw new Error('sandbox-mcp failed at this request; its log (stderr) has the details')
  }
}

const invalidParams = (message: string, data?: object) =>
  plain(ErrorCode.InvalidParams, message, data)

/** The SDK puts its own words before a message; clients show them, so they are taken off again. */
function plain(code: ErrorCode, message: string, data?: object): McpError {
  const error = new McpError(code, message, data)
  error.message = message
  return error
}
