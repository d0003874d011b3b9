/** Requests that are no good, and that are not ours, as JSON-RPC answers them; the connection stays. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { entry, newWorld, type World } from '../support/stdio-server.ts'

let world: World

beforeEach(() => {
  world = newWorld()
})
afterEach(() => world.remove())

test.each([
  ['no params', 'tools/call', undefined, -32602, 'params.name has to be the name of a tool'],
  ['a name that is no text', 'tools/call', { name: 7 }, -32602, 'params.name has to be'],
  [
    'arguments that are no object',
    'tools/call',
    { name: 'read', arguments: ['a'] },
    -32602,
    'params.arguments has to be an object',
  ],
  [
    'a tool there is not',
    'tools/call',
    { name: 'run' },
    -32602,
    'there is no tool "run"; the tools',
  ],
  ['a resource without a URI', 'resources/read', undefined, -32602, 'params: Invalid input'],
  ['a URI that is no text', 'resources/subscribe', { uri: 7 }, -32602, 'params.uri: Invalid input'],
  ['a cursor that is no text', 'resources/list', { cursor: 7 }, -32602, 'params.cursor: Invalid'],
  [
    'params that are null',
    'tools/list',
    null,
    -32600,
    'this is no request as MCP has them: params: Invalid input: expected object, received null',
  ],
  [
    'a token for progress that is none',
    'resources/list',
    { _meta: { progressToken: {} } },
    -32600,
    'this is no request as MCP has them: params._meta.progressToken: ',
  ],
  ['a method there is not', 'tools/run', { name: 'read' }, -32601, 'Method not found'],
])('%s', async (_title, method, params, code, says) => {
  const child = spawn(process.execPath, [entry, '--workspace', world.workspace], {
    env: world.env,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const send = (message: object) =>
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const answer = async () => JSON.parse((await lines.next()).value)
  try {
    const clientInfo = { name: 'test', version: '0' }
    const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
    send({ id: 1, method: 'initialize', params: initialize })
    await answer()
    send({ id: 2, method, params })
    const { id, error } = await answer()
    expect({ id, code: error.code }).toEqual({ id: 2, code })
    expect(error.message).toMatch(new RegExp(`^${says.replaceAll('.', '\\.')}`))
    send({ id: 3, method: 'ping' })
    expect(await answer()).toMatchObject({ id: 3, result: {} })
  } finally {
    child.stdin.end()
  }
})
