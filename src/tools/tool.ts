/** What a tool is: a value that can be listed, tested without a server, and registered by a loop. */
import type { z } from 'zod'
import type { OpenContext } from '../sandbox.ts'
import type { Session } from '../session.ts'

export interface Tool<
  Input extends z.ZodObject = z.ZodObject,
  Output extends z.ZodObject = z.ZodObject,
> {
  readonly name: string
  readonly title: string
  /** Written for the model: short, static, with the facts it needs. */
  readonly description: string
  readonly input: Input
  /** The shape of `facts`. */
  readonly output: Output
  readonly annotations: ToolAnnotations
  /** Throws a `SandboxError` for what could not be done, and only then. */
  run(args: z.output<Input>, call: ToolCall): Promise<ToolResult<z.output<Output>>>
}

/** MCP's four hints; absent ones mean "destructive, open world", so none is left out. */
interface ToolAnnotations {
  readonly readOnlyHint: boolean
  readonly destructiveHint: boolean
  readonly idempotentHint: boolean
  readonly openWorldHint: boolean
}

export interface ToolCall {
  readonly session: Session
  /** Aborts when the client cancels the call or goes away. */
  readonly signal: AbortSignal
  /** Tells the client how far it is: an ever larger number, and a line. Cheap: most are not sent, and ask for no line. */
  progress(done: number, message: () => string): void
}

/** For what may have to open the sandbox first: the client hears of it, and can cancel it. */
export const openContext = ({ signal, progress }: ToolCall): OpenContext => ({
  signal,
  report: (message) => progress(0, () => message),
})

export interface ToolResult<Facts> {
  /** What the model reads. */
  readonly content: readonly ContentBlock[]
  /** The same as data, for clients that prefer it. */
  readonly facts: Facts
  /** What the content says and the facts do not: some clients show their model the facts in its place. */
  readonly notes?: readonly string[]
}

export type ContentBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly data: string; readonly mimeType: string }
  | {
      readonly type: 'resource_link'
      readonly uri: string
      readonly name: string
      readonly mimeType?: string
    }

/** Keeps the types of input and output together where a tool is written down. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  tool: Tool<Input, Output>,
): Tool<Input, Output> {
  return tool
}

/** A result that is one text. */
export const text = (value: string): ContentBlock[] => [{ type: 'text', text: value }]
