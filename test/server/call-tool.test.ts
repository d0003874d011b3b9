/** Results that would end the connection, and failures that nobody foresaw. */
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { sandboxLost } from '../../src/errors.ts'
import { callTool } from '../../src/mcp/call-tool.ts'
import { defineTool, type Tool, type ToolCall, text } from '../../src/tools/tool.ts'

const call = {
  session: { takeNews: () => [], during: (run: () => unknown) => run() },
  signal: new AbortController().signal,
  progress: () => {},
} as unknown as ToolCall
const toolThat = (run: () => string) =>
  defineTool({
    name: 'test',
    title: 'Test',
    description: 'A test',
    input: z.strictObject({}),
    output: z.object({ output: z.string() }),
    annotations: {
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    },
    run: async () => {
      const output = run()
      return { content: text(output), facts: { output } }
    },
  }) as unknown as Tool

test('a result over what clients take in one message becomes an error that fits', async () => {
  const result = await callTool(
    toolThat(() => 'x'.repeat(5_000_000)),
    {},
    call,
  )
  expect(result.isError).toBe(true)
  expect(result.structuredContent).toMatchObject({ code: 'FILE_TOO_LARGE' })
  expect(JSON.stringify(result).length).toBeLessThan(1_000)
})

test('escapes count: they travel too', async () => {
  const result = await callTool(
    toolThat(() => '\u0001'.repeat(1_000_000)),
    {},
    call,
  )
  expect(result.structuredContent).toMatchObject({ code: 'FILE_TOO_LARGE' })
})

test('a defect of the server is told as one, and logged', async () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
  const broken = toolThat(() => {
    throw new TypeError('undefined is not a function')
  })
  const result = await callTool(broken, {}, call)
  expect(result.isError).toBe(true)
  expect(result.structuredContent).toMatchObject({ code: 'INTERNAL' })
  expect(logged).toHaveBeenCalledWith(expect.any(TypeError))
  logged.mockRestore()
})

test('what is behind an error is logged, and no error of ours that it was made of', async () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
  const failing = (cause: unknown) =>
    toolThat(() => {
      throw sandboxLost('sbx', 'it ended', cause)
    })
  await callTool(failing(sandboxLost('sbx', 'its guard ended')), {}, call)
  expect(logged).not.toHaveBeenCalled()
  const broken = new Error('EPIPE')
  await callTool(failing(sandboxLost('sbx', 'its guard ended', broken)), {}, call)
  expect(logged).toHaveBeenCalledWith('SANDBOX_LOST: sandbox sbx went away: it ended', broken)
  logged.mockRestore()
})
