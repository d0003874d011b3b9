/** The tools that MCP's own suite calls, as our tools are written down. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { z } from 'zod'
import { patchInvalid } from '../../src/file-errors.ts'
import { defineTool, type Tool, text } from '../../src/tools/tool.ts'
import { enumSchema, schemaWithDefaults } from './fixture-forms.ts'

/** A red pixel. */
export const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
/** Half a millisecond of silence. */
const wav = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA='

const annotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
}
const nothing = z.strictObject({})

type Run = (args: Record<string, string>, tell: (done: number) => void) => Promise<unknown[]>

function fixture(name: string, input: z.ZodObject, run: Run): Tool {
  return defineTool({
    name,
    title: name,
    description: `The fixture ${name}`,
    input,
    output: nothing,
    annotations,
    run: async (args, { progress }) => ({
      // Our tools give fewer kinds of blocks than there are; what carries them is the same.
      content: (await run(args as Record<string, string>, (done) =>
        progress(done, () => ''),
      )) as never,
      facts: {},
    }),
  })
}

const embedded = (uri: string, body: string) => ({
  type: 'resource',
  resource: { uri, mimeType: 'text/plain', text: body },
})

/** Tools that ask the client things do so through `server`. */
export function fixtureTools(server: () => Server): readonly Tool[] {
  const elicit = async (message: string, requestedSchema: object) => {
    const params = { mode: 'form', message, requestedSchema } as never
    const { action, content } = await server().elicitInput(params)
    return text(`action=${action}, content=${JSON.stringify(content ?? {})}`)
  }
  const image = { type: 'image', data: png, mimeType: 'image/png' }
  return [
    fixture('test_simple_text', nothing, async () => text('This is a simple text response')),
    fixture('test_image_content', nothing, async () => [image]),
    fixture('test_audio_content', nothing, async () => [
      { type: 'audio', data: wav, mimeType: 'audio/wav' },
    ]),
    fixture('test_embedded_resource', nothing, async () => [
      embedded('test://embedded-resource', 'This is an embedded resource content.'),
    ]),
    fixture('test_multiple_content_types', nothing, async () => [
      ...text('Multiple content types test:'),
      image,
      embedded('test://mixed-content-resource', '{"test":"data"}'),
    ]),
    fixture('test_error_handling', nothing, async () => {
      throw patchInvalid('This tool intentionally returns an error for testing', 'It always does.')
    }),
    fixture('test_tool_with_progress', nothing, async (_, tell) => {
      for (const done of [0, 50, 100]) {
        tell(done)
        // Longer than the pause that our progress keeps between two notifications.
        await delay(300)
      }
      return text('Done')
    }),
    fixture('test_tool_with_logging', nothing, async () => {
      for (const data of ['started', 'processing data', 'completed']) {
        await server().sendLoggingMessage({ level: 'info', data: `Tool execution ${data}` })
        // The suite asks for it: clients must show messages of a call that runs.
        await delay(50)
      }
      return text('Done')
    }),
    fixture('test_sampling', z.strictObject({ prompt: z.string() }), async ({ prompt = '' }) => {
      const content = { type: 'text' as const, text: prompt }
      const request = { messages: [{ role: 'user' as const, content }], maxTokens: 100 }
      const answer = await server().createMessage(request)
      return text(`LLM response: ${JSON.stringify(answer.content)}`)
    }),
    fixture('test_elicitation', z.strictObject({ message: z.string() }), ({ message = '' }) =>
      elicit(message, {
        type: 'object',
        properties: { username: { type: 'string' }, email: { type: 'string' } },
        required: ['username', 'email'],
      }),
    ),
    fixture('test_elicitation_sep1034_defaults', nothing, () =>
      elicit('Please review these values', schemaWithDefaults),
    ),
    fixture('test_elicitation_sep1330_enums', nothing, () => elicit('Please choose', enumSchema)),
  ]
}

/** Listed only: our own tools have no need of references. */
export const jsonSchemaTool = {
  name: 'json_schema_2020_12_tool',
  description: 'Tool with JSON Schema 2020-12 features',
  inputSchema: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    $defs: {
      address: {
        type: 'object',
        properties: { street: { type: 'string' }, city: { type: 'string' } },
      },
    },
    properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
    additionalProperties: false,
  },
}
