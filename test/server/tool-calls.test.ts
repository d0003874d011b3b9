import { expect, test, vi } from 'vitest'
import { RequestError } from '../../src/mcp/request-error.ts'
import { type ToolCallRequest, ToolCalls } from '../../src/mcp/tool-calls.ts'

const call = (id: unknown, params: unknown = { name: 'exec', arguments: { command: 'true' } }) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params,
})
const cancel = (requestId: unknown) => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId, reason: 'enough' },
})

/** Calls that `answer` answers, and what was sent for them. */
function connected(answer: (request: ToolCallRequest) => Promise<object>) {
  const sent: object[] = []
  const calls = new ToolCalls(answer, async (message) => {
    sent.push(message)
  })
  return { calls, sent }
}

/** One that goes on until its signal is aborted. */
const endless = ({ signal }: ToolCallRequest) =>
  new Promise<object>((resolve) => {
    signal.addEventListener('abort', () => resolve({ content: [] }))
  })

test('a call is answered, with the id and the result', async () => {
  const requests: ToolCallRequest[] = []
  const { calls, sent } = connected(async (request) => {
    requests.push(request)
    return { content: [] }
  })
  for (const id of [0, 'a', -3]) expect(calls.take(call(id))).toBe(true)
  await expect.poll(() => sent.length).toBe(3)
  expect(sent).toEqual([0, 'a', -3].map((id) => ({ jsonrpc: '2.0', id, result: { content: [] } })))
  expect(requests[0]).toMatchObject({ name: 'exec', args: { command: 'true' } })
})

test.each([
  ['another request', { jsonrpc: '2.0', id: 1, method: 'ping' }],
  ['an answer', { jsonrpc: '2.0', id: 1, result: {} }],
  ['a call without an id, which nobody waits for', { jsonrpc: '2.0', method: 'tools/call' }],
  ['a call whose id is none', call({})],
  ['a call of another protocol', { id: 1, method: 'tools/call' }],
  ['the cancelling of another request', cancel(7)],
  ['a cancelling of nothing', { jsonrpc: '2.0', method: 'notifications/cancelled' }],
  ['an array', []],
])('%s is left to others', (_what, message) => {
  const { calls, sent } = connected(async () => ({}))
  expect(calls.take(message)).toBe(false)
  expect(sent).toEqual([])
})

test.each([
  [undefined, 'params.name has to be the name of a tool'],
  [[1], 'params.name has to be the name of a tool'],
  [{ name: 5 }, 'params.name has to be the name of a tool'],
  [{ name: 'exec', arguments: [] }, 'params.arguments has to be an object'],
  [{ name: 'exec', arguments: null }, 'params.arguments has to be an object'],
])('params %j are refused', async (params, message) => {
  const { calls, sent } = connected(async () => ({}))
  calls.take({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  await expect
    .poll(() => sent)
    .toEqual([{ jsonrpc: '2.0', id: 1, error: { code: -32602, message } }])
})

test.each([0, 1, 'one'])(
  'call %j is told that it is cancelled, and then not answered',
  async (id) => {
    const { calls, sent } = connected(endless)
    calls.take(call(id))
    const other = connected(async () => ({}))
    expect(other.calls.take(cancel(id))).toBe(false)
    expect(calls.take(cancel(id))).toBe(true)
    await expect.poll(() => calls.take(cancel(id))).toBe(false)
    expect(sent).toEqual([])
  },
)

test('the end of the connection ends what runs', async () => {
  const signals: AbortSignal[] = []
  const { calls, sent } = connected((request) => {
    signals.push(request.signal)
    return endless(request)
  })
  calls.take(call(1))
  calls.take(call(2))
  calls.close()
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  await expect.poll(() => calls.take(cancel(1))).toBe(false)
  expect(sent).toEqual([])
})

test('progress is sent with the token that the client gave, until the call is cancelled', async () => {
  let ended = false
  const { calls, sent } = connected(async (request) => {
    await request.sendProgress?.(1, 'first')
    await endless(request)
    await request.sendProgress?.(2, 'second')
    ended = true
    return {}
  })
  calls.take(call(1, { name: 'exec', _meta: { progressToken: 0 } }))
  await expect.poll(() => sent.length).toBe(1)
  calls.take(cancel(1))
  await expect.poll(() => ended).toBe(true)
  expect(sent).toEqual([
    {
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: 0, progress: 1, message: 'first' },
    },
  ])
})

test('no progress is sent to who did not ask for it', async () => {
  const { calls, sent } = connected(async ({ sendProgress }) => {
    return { asked: sendProgress !== undefined }
  })
  calls.take(call(1, { name: 'exec', _meta: {} }))
  await expect.poll(() => sent).toEqual([{ jsonrpc: '2.0', id: 1, result: { asked: false } }])
})

test('what is wrong with a request is told, and what is wrong with us is not', async () => {
  const log = vi.spyOn(console, 'error').mockImplementation(() => {})
  const errors = [new RequestError('no such tool', 'workspace:///a'), new Error('/home/secret')]
  const { calls, sent } = connected(async () => {
    throw errors[sent.length]
  })
  calls.take(call(1))
  await expect.poll(() => sent.length).toBe(1)
  calls.take(call(2))
  await expect.poll(() => sent.length).toBe(2)
  expect(sent[0]).toEqual({
    jsonrpc: '2.0',
    id: 1,
    error: { code: -32602, message: 'no such tool', data: { uri: 'workspace:///a' } },
  })
  expect(sent[1]).toMatchObject({ error: { code: -32603 } })
  expect(JSON.stringify(sent[1])).not.toContain('secret')
  expect(log).toHaveBeenCalledWith(errors[1])
  log.mockRestore()
})
