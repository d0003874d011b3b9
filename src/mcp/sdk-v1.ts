/**
 * The server on `@modelcontextprotocol/sdk` 1.x, which is imported here only, so that another line of
 * the SDK is one more file like this. The low-level `Server` is used because `McpServer` has no paging
 * of resources and answers unknown tools with a result instead of an error.
 */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import {
  CallToolRequestSchema,
  ErrorCode,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { isSandboxError } from '../errors.ts'
import { readExecLog } from '../resources/exec-log.ts'
import { listFiles, readFileResource } from '../resources/workspace-files.ts'
import { parseWorkspaceUri } from '../resources/workspace-uri.ts'
import type { Session } from '../session.ts'
import type { Tool } from '../tools/tool.ts'
import { treePath } from '../tree.ts'
import { callTool, listTool, unknownTool } from './call-tool.ts'
import { Progress } from './progress.ts'

export interface ServerOptions {
  readonly version: string
  readonly instructions: string
  readonly tools: readonly Tool[]
  readonly session: Session
}

/** Speaks MCP on stdin and stdout until `closed`, which tells why it ended. */
export async function serveStdio(options: ServerOptions): Promise<{ closed: Promise<string> }> {
  const server = build(options)
  const transport = new StdioServerTransport()
  const closed = new Promise<string>((resolve) => {
    server.onclose = () => resolve('the connection was closed')
    server.onerror = (error) => console.error(`sandbox-mcp: ${error.message}`)
  })
  await server.connect(transport)
  return { closed }
}

function build({ version, instructions, tools, session }: ServerOptions): Server {
  const server = new Server(
    { name: 'sandbox-mcp', title: 'Sandbox', version },
    { capabilities: { tools: {}, resources: {} }, instructions },
  )
  const listed = tools.map(listTool)
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: listed }) as never)

  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = tools.find(({ name }) => name === params.name)
    if (tool === undefined) throw invalidParams(unknownTool(params.name, tools))
    const progressToken = extra._meta?.progressToken
    const progress = new Progress((done, message) => {
      if (progressToken === undefined) return
      void extra
        .sendNotification({
          method: 'notifications/progress',
          params: { progressToken, progress: done, message },
        })
        .catch(() => {})
    })
    try {
      const result = await callTool(tool, params.arguments, {
        session,
        signal: extra.signal,
        progress: (done, message) => progress.tell(done, message),
      })
      return result as never
    } finally {
      progress.stop()
    }
  })

  server.setRequestHandler(ListResourcesRequestSchema, async ({ params }) => {
    const { resources, next } = await asRpc(undefined, () =>
      listFiles(session.workspace.files, fromCursor(params?.cursor)),
    )
    return next === undefined
      ? { resources: [...resources] }
      : { resources: [...resources], nextCursor: Buffer.from(next).toString('base64url') }
  })

  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [
      {
        uriTemplate: 'workspace:///{+path}',
        name: 'workspace file',
        description: 'A file of the workspace',
      },
      {
        uriTemplate: 'exec://{id}',
        name: 'command output',
        description: 'Everything a command printed',
        mimeType: 'text/plain',
      },
    ],
  }))

  server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }) => {
    const content = await asRpc(uri, async () => {
      const log = await readExecLog(session, uri)
      if (log !== undefined) return log
      const path = parseWorkspaceUri(uri)
      return path === undefined ? undefined : readFileResource(session.workspace.files, path)
    })
    if (content === undefined) throw invalidParams(`there is no resource ${uri}`, { uri })
    return { contents: [content] }
  })
  return server
}

function fromCursor(cursor: string | undefined) {
  return cursor === undefined ? undefined : treePath(Buffer.from(cursor, 'base64url').toString())
}

/** What cannot be listed or read is the caller's mistake: -32602 with the URI, as MCP now wants it. */
async function asRpc<T>(uri: string | undefined, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    const text = isSandboxError(error)
      ? `${error.code}: ${error.message}. ${error.hint}`
      : (error as Error).message
    throw invalidParams(text, uri === undefined ? undefined : { uri })
  }
}

/** The SDK puts its own words before a message; clients show them, so they are taken off again. */
function invalidParams(message: string, data?: object): McpError {
  const error = new McpError(ErrorCode.InvalidParams, message, data)
  error.message = message
  return error
}
