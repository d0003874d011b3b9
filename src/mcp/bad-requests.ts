/**
 * Requests that are not as the protocol has them. The SDK passes some over in silence, for which their client
 * waits until it gives up.
 */
import type { z } from 'zod'

const invalidRequest = -32600

interface Refusal {
  readonly jsonrpc: '2.0'
  readonly id: string | number
  readonly error: { readonly code: number; readonly message: string }
}

/** What does not fit a schema, and where. */
export function problemsOf({ issues }: z.ZodError): string {
  const problems = issues.map(({ path, message }) => {
    return path.length === 0 ? message : `${path.join('.')}: ${message}`
  })
  return problems.join('; ')
}

/** The answer to what has the method and the id of a request, and is none that fits `schema`; else undefined. */
export function refusalOf(message: object, schema: z.ZodType): Refusal | undefined {
  const { id, method } = message as Readonly<Record<string, unknown>>
  if (typeof method !== 'string' || (typeof id !== 'string' && typeof id !== 'number')) {
    return undefined
  }
  const parsed = schema.safeParse(message)
  if (parsed.success) return undefined
  const told = `this is no request as MCP has them: ${problemsOf(parsed.error)}`
  const error = { code: invalidRequest, message: told }
  return { jsonrpc: '2.0', id, error }
}
