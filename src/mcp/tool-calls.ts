/**
 * `tools/call` of one connection, read, cancelled and answered without the SDK: calls are what a client sends
 * all the time, and the SDK checks each message by several shapes, each call by more, and its result too. Here a
 * tool checks its arguments, and a result is of its own making. All else is the SDK's.
 */
import type { SendProgress } from './progress.ts'
import { RequestError } from './request-error.ts'

export interface ToolCallRequest {
  readonly name: string
  readonly args: unknown
  /** Aborted when the client cancels the call, or is gone: nobody hears the answer then. */
  readonly signal: AbortSignal
  /** Undefined where the client did not ask for progress. */
  readonly sendProgress: SendProgress | undefined
}

/** JSON-RPC's: what identifies a request, and which request a message belongs to. */
type RequestId = string | number
export type Send = (message: object, options: { relatedRequestId: RequestId }) => Promise<void>
type Fields = Readonly<Record<string, unknown>>

const invalidParams = -32602
const internalError = -32603

export class ToolCalls {
  readonly #answer: (call: ToolCallRequest) => Promise<object>
  readonly #send: Send
  readonly #running = new Map<RequestId, AbortController>()

  /** What `answer` rejects with is told as JSON-RPC's error; a `RequestError` in its own words. */
  constructor(answer: (call: ToolCallRequest) => Promise<object>, send: Send) {
    this.#answer = answer
    this.#send = send
  }

  /** Takes a message that is a call, or cancels one; false for any other, of which nothing was done. */
  take(message: object): boolean {
    const { jsonrpc, id, method, params } = message as Fields
    if (jsonrpc !== '2.0') return false
    if (method === 'tools/call' && isId(id)) {
      void this.#answered(id, params)
      return true
    }
    if (method !== 'notifications/cancelled' || !isFields(params)) return false
    if (!isId(params.requestId)) return false
    const cancelled = this.#running.get(params.requestId)
    cancelled?.abort(params.reason)
    return cancelled !== undefined
  }

  /** The connection has ended: all that runs is told. */
  close(): void {
    for (const one of this.#running.values()) one.abort()
  }

  async #answered(id: RequestId, params: unknown): Promise<void> {
    const controller = new AbortController()
    const { signal } = controller
    const send = (message: object) => this.#send(message, { relatedRequestId: id })
    this.#running.set(id, controller)
    const outcome = await this.#outcome(params, signal, send)
    if (this.#running.get(id) === controller) this.#running.delete(id)
    if (!signal.aborted) await send({ jsonrpc: '2.0', id, ...outcome }).catch(() => {})
  }

  async #outcome(params: unknown, signal: AbortSignal, send: (message: object) => Promise<void>) {
    try {
      const { name, arguments: args, _meta: meta } = isFields(params) ? params : {}
      if (typeof name !== 'string') {
        throw new RequestError('params.name has to be the name of a tool')
      }
      if (args !== undefined && !isFields(args)) {
        throw new RequestError('params.arguments has to be an object')
      }
      const token = isFields(meta) && isId(meta.progressToken) ? meta.progressToken : undefined
      const sendProgress = token === undefined ? undefined : progressTo(token, signal, send)
      return { result: await this.#answer({ name, args, signal, sendProgress }) }
    } catch (error) {
      if (error instanceof RequestError) {
        const { message, data } = error
        return { error: { code: invalidParams, message, data } }
      }
      console.error(error)
      const message = 'sandbox-mcp failed at this call; its log (stderr) has the details'
      return { error: { code: internalError, message } }
    }
  }
}

/** Tells nothing of a call that was cancelled. */
function progressTo(
  progressToken: RequestId,
  signal: AbortSignal,
  send: (message: object) => Promise<void>,
): SendProgress {
  return async (progress, message) => {
    if (signal.aborted) return
    const params = { progressToken, progress, message }
    await send({ jsonrpc: '2.0', method: 'notifications/progress', params })
  }
}

const isId = (value: unknown): value is RequestId =>
  typeof value === 'string' || Number.isSafeInteger(value)

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
