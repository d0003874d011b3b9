/** The resources and prompts that MCP's own suite asks for. */
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import {
  CompleteRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { png } from './fixture-tools.ts'

const plain = { mimeType: 'text/plain' }
const staticText = 'This is the content of the static text resource.'

/** In place of ours, which know only what is in the workspace. */
export function answerResources(server: Server): void {
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: [
      { uri: 'test://static-text', name: 'Static text', ...plain },
      { uri: 'test://static-binary', name: 'Static binary', mimeType: 'image/png' },
      { uri: 'test://watched-resource', name: 'Watched', ...plain },
    ],
  }))
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'Template' }],
  }))
  server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }) => {
    const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1]
    if (id !== undefined) {
      const data = { id, templateTest: true, data: `Data for ID: ${id}` }
      const body = { uri, mimeType: 'application/json', text: JSON.stringify(data) }
      return { contents: [body] }
    }
    if (uri === 'test://static-binary') {
      return { contents: [{ uri, mimeType: 'image/png', blob: png }] }
    }
    if (uri === 'test://static-text' || uri === 'test://watched-resource') {
      return { contents: [{ uri, ...plain, text: staticText }] }
    }
    throw new McpError(ErrorCode.InvalidParams, `there is no resource ${uri}`, { uri })
  })
  server.setRequestHandler(SubscribeRequestSchema, () => ({}))
  server.setRequestHandler(UnsubscribeRequestSchema, () => ({}))
  server.setRequestHandler(CompleteRequestSchema, ({ params: { argument } }) => ({
    completion: { values: [`${argument.value}...`], total: 1, hasMore: false },
  }))
}

const user = (content: object) => ({ role: 'user', content })
const said = (text: string) => user({ type: 'text', text })
const required = (name: string) => ({ name, description: name, required: true })

const prompts: Record<
  string,
  { arguments?: object[]; messages(args: Record<string, string>): object[] }
> = {
  test_simple_prompt: { messages: () => [said('This is a simple prompt for testing.')] },
  test_prompt_with_arguments: {
    arguments: [required('arg1'), required('arg2')],
    messages: ({ arg1, arg2 }) => [said(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  },
  test_prompt_with_embedded_resource: {
    arguments: [required('resourceUri')],
    messages: ({ resourceUri }) => [
      user({ type: 'resource', resource: { uri: resourceUri, ...plain, text: staticText } }),
      said('Please process the embedded resource above.'),
    ],
  },
  test_prompt_with_image: {
    messages: () => [
      user({ type: 'image', data: png, mimeType: 'image/png' }),
      said('Please analyze the image above.'),
    ],
  },
}

/** We ship no prompts, and log to stderr. */
export function answerPromptsAndLogging(server: Server): void {
  server.setRequestHandler(SetLevelRequestSchema, () => ({}))
  server.setRequestHandler(
    ListPromptsRequestSchema,
    () =>
      ({
        prompts: Object.entries(prompts).map(([name, { arguments: args }]) => ({
          name,
          description: name,
          ...(args === undefined ? {} : { arguments: args }),
        })),
      }) as never,
  )
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => {
    const prompt = prompts[params.name]
    if (prompt === undefined) throw new McpError(ErrorCode.InvalidParams, 'there is no such prompt')
    return { messages: prompt.messages(params.arguments ?? {}) } as never
  })
}
