/**
 * A client's transport that lets nothing pass which is not MCP: each message, in both directions,
 * must be what the SDK's schema for its method reads without dropping or adding anything, and the
 * structured content of a tool's results, errors too, what the tool's own output schema says.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CallToolResultSchema,
  ClientNotificationSchema,
  ClientRequestSchema,
  CompleteResultSchema,
  EmptyResultSchema,
  InitializeResultSchema,
  type JSONRPCMessage,
  JSONRPCMessageSchema,
  ListResourcesResultSchema,
  ListResourceTemplatesResultSchema,
  ListToolsResultSchema,
  ReadResourceResultSchema,
  ServerNotificationSchema,
  ServerRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

interface Schema {
  parse(value: unknown): unknown
}

/** By the method that is answered. */
const results: Readonly<Record<string, Schema>> = {
  initialize: InitializeResultSchema,
  ping: EmptyResultSchema,
  'tools/list': ListToolsResultSchema,
  'tools/call': CallToolResultSchema,
  'resources/list': ListResourcesResultSchema,
  'resources/templates/list': ListResourceTemplatesResultSchema,
  'resources/read': ReadResourceResultSchema,
  'resources/subscribe': EmptyResultSchema,
  'resources/unsubscribe': EmptyResultSchema,
  'completion/complete': CompleteResultSchema,
}

/**
 * The same transport, with its messages checked. What the client should not send rejects `send`; what
 * the server should not send is thrown where nobody catches it, which fails the run of the tests,
 * unless there is somebody to `report` it to.
 */
export function checked<T extends Transport>(transport: T, report = throwUncaught): T {
  const check = new Traffic()
  const send = transport.send.bind(transport)
  transport.send = async (message, options) => {
    check.sent(message)
    await send(message, options)
  }
  let deliver: Transport['onmessage']
  Object.defineProperty(transport, 'onmessage', {
    configurable: true,
    get: () => deliver,
    set: (handler: NonNullable<Transport['onmessage']>) => {
      deliver = (message, extra) => {
        try {
          check.received(message)
        } catch (error) {
          const text = JSON.stringify(message).slice(0, 2000)
          report(new Error(`the server sent ${text}`, { cause: error }))
        }
        handler(message, extra)
      }
    },
  })
  return transport
}

function throwUncaught(error: Error): void {
  queueMicrotask(() => {
    throw error
  })
}

class Traffic {
  readonly #asked = new Map<unknown, { method: string; tool?: unknown }>()
  // `anyOf` of required names, beside the properties, is how a success or an error is told.
  readonly #ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true })
  readonly #outputs = new Map<unknown, ValidateFunction>()

  sent(message: JSONRPCMessage): void {
    exact(JSONRPCMessageSchema, message)
    if (!('method' in message)) return
    const request = 'id' in message
    exact(request ? ClientRequestSchema : ClientNotificationSchema, call(message))
    if (request) this.#asked.set(message.id, { method: message.method, tool: message.params?.name })
  }

  received(message: JSONRPCMessage): void {
    exact(JSONRPCMessageSchema, message)
    if ('method' in message) {
      exact('id' in message ? ServerRequestSchema : ServerNotificationSchema, call(message))
      return
    }
    const asked = this.#asked.get(message.id)
    if (asked === undefined) throw new Error('nobody asked for this')
    this.#asked.delete(message.id)
    if ('result' in message) this.#result(asked, message.result)
  }

  #result({ method, tool }: { method: string; tool?: unknown }, result: unknown): void {
    const schema = results[method]
    if (schema === undefined) throw new Error(`there is no schema for results of ${method}`)
    exact(schema, result)
    if (method === 'tools/list') {
      for (const { name, inputSchema, outputSchema } of ListToolsResultSchema.parse(result).tools) {
        this.#ajv.compile(inputSchema)
        if (outputSchema !== undefined) this.#outputs.set(name, this.#ajv.compile(outputSchema))
      }
    }
    const validate = method === 'tools/call' ? this.#outputs.get(tool) : undefined
    if (validate === undefined) return
    const { structuredContent } = CallToolResultSchema.parse(result)
    if (!validate(structuredContent)) throw new Error(this.#ajv.errorsText(validate.errors))
  }
}

/** What a message says, without what makes it JSON-RPC. */
function call({ method, params }: { method: string; params?: unknown }) {
  return params === undefined ? { method } : { method, params }
}

/** Throws unless the schema reads the value as it is. */
function exact(schema: Schema, value: unknown): void {
  const read = schema.parse(value)
  if (!isDeepStrictEqual(read, value)) {
    throw new Error(`only this of it is known: ${JSON.stringify(read)}`)
  }
}
