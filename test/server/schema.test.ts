/** What goes over the wire is MCP, and structured content what the tools say it is. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js'
import { expect, onTestFinished, test } from 'vitest'
import { serveOn } from '../../src/mcp/sdk-v1.ts'
import { canPin } from '../../src/real-paths.ts'
import { HostSight } from '../../src/resources/host-sight.ts'
import { tools } from '../../src/tools/all.ts'
import { describeWhere } from '../support/available.ts'
import { checked } from '../support/checked-transport.ts'
import { temporaryPair } from '../support/directory-contents.ts'
import { directorySession } from '../support/directory-session.ts'
import { fixedSession } from '../support/fixed-session.ts'
import { newWorld, startServer } from '../support/stdio-server.ts'

/** A client of a server without a sandbox, and what it found wrong so far. */
async function connect() {
  const { root, inside } = temporaryPair()
  writeFileSync(join(root, 'a'), '1\n')
  const session = directorySession(root, inside)
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  const sight = new HostSight({ path: root, sandboxRoot: '/workspace', pinned: canPin })
  await serveOn(ours, {
    version: '0',
    instructions: '',
    tools: async () => tools,
    sessions: fixedSession(session, sight),
  })
  const wrong: string[] = []
  const client = new Client({ name: 'test', version: '0' })
  await client.connect(checked(theirs, ({ cause }) => wrong.push(String(cause))))
  onTestFinished(async () => {
    await client.close()
    await session.close()
  })
  return { client, wrong }
}

const patch = (body: string) => `*** Begin Patch\n*** Update File: a\n${body}\n*** End Patch`

const calls: [title: string, name: string, args: Record<string, unknown>, isError: boolean][] = [
  ['a page', 'read', { path: 'a' }, false],
  ['a directory', 'read', { path: '.' }, false],
  ['no such file', 'read', { path: 'b' }, true],
  ['a new file', 'write', { path: 'b', content: 'x' }, false],
  ['an equal file', 'write', { path: 'a', content: '1\n' }, false],
  ['a path outside', 'write', { path: '../b', content: 'x' }, true],
  ['a change', 'edit', { path: 'a', edits: [{ oldText: '1', newText: '2' }] }, false],
  ['a miss', 'edit', { path: 'a', edits: [{ oldText: '3', newText: '2' }] }, true],
  ['a patch', 'apply_patch', { input: patch('-1\n+2') }, false],
  ['a patch that misses', 'apply_patch', { input: patch('-3\n+2') }, true],
  ['no arguments', 'apply_patch', {}, true],
  ['no process', 'process', { action: 'list' }, false],
  ['an unknown process', 'process', { action: 'poll', id: 'none' }, true],
]

test.each(calls)('%s: the result of %s is what is listed', async (_, name, args, isError) => {
  const { client, wrong } = await connect()
  await client.listTools()
  const result = await client.callTool({ name, arguments: args })
  expect(result.isError ?? false).toBe(isError)
  expect(result.structuredContent).toBeDefined()
  expect(wrong).toEqual([])
})

describeWhere('bubblewrap', 'with a sandbox', () => {
  test('the results of exec and process are what is listed', async () => {
    const world = newWorld()
    onTestFinished(() => world.remove())
    // Its transport checks too, and fails the run of the tests at the first thing wrong.
    const server = await startServer(world, ['--backend', 'bubblewrap', '--ephemeral'])
    onTestFinished(() => server.close())
    for (const command of ['echo 1', 'exit 3', 'kill -TERM $$']) {
      expect((await server.call('exec', { command })).structuredContent).toBeDefined()
    }
    const slow = await server.call('exec', { command: 'sleep 60', timeoutSeconds: 1 })
    expect(slow.structuredContent).toBeDefined()
    const { structuredContent } = await server.call('exec', { command: 'cat', background: true })
    const id = String((structuredContent as { id?: unknown }).id)
    for (const action of ['poll', 'log', 'list', 'kill']) {
      const told = await server.call('process', action === 'list' ? { action } : { action, id })
      expect(told.isError ?? false).toBe(false)
    }
  })
})

const listing = {
  tools: [
    {
      name: 'count',
      inputSchema: { type: 'object' },
      outputSchema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
    },
  ],
}
const content = [{ type: 'text', text: '1' }]

test.each([
  ['a number that is a text', { content, structuredContent: { n: '1' } }, /n must be integer/],
  ['an error without structure', { content, isError: true }, /must be object/],
  ['a block of no known kind', { content: [{ type: 'smell' }] }, /invalid/i],
  ['a block with more than there is', { content: [{ ...content[0], size: 1 }] }, /only this/],
  ['no content', { structuredContent: { n: 1 } }, /only this/],
])('%s is noticed', async (_, result, expected) => {
  const [server, transport] = InMemoryTransport.createLinkedPair()
  const wrong: string[] = []
  const client = checked(transport, ({ cause }) => wrong.push(String(cause)))
  client.onmessage = () => {}
  server.onmessage = (message) => {
    const { id, method } = message as { id: number; method: string }
    const answer = { jsonrpc: '2.0', id, result: method === 'tools/list' ? listing : result }
    void server.send(answer as JSONRPCMessage)
  }
  await Promise.all([server.start(), client.start()])
  await client.send({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
  await client.send({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'count' } })
  expect(wrong).toEqual([expect.stringMatching(expected)])
})
