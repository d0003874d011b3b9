/** A client's resources of a workspace on another machine, over MCP: a real sshd, and OpenShell. */
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { expect, test } from 'vitest'
import {
  describeFarSessions,
  describeSshSessions,
  type Opener,
  type OpenOptions,
  type TestSession,
} from '../support/sandbox-session.ts'
import { bigBytes, seedUnderWay } from '../support/seed-under-way.ts'
import { clientOf } from './connected.ts'

const soon = { timeout: 20_000, interval: 20 }
const template = { type: 'ref/resource' as const, uri: 'workspace:///{+path}' }

function prepare(host: string): void {
  mkdirSync(join(host, 'src'))
  writeFileSync(join(host, 'src/a.ts'), 'a')
  writeFileSync(join(host, 'src/b.ts'), 'b')
  writeFileSync(join(host, '.gitignore'), '*.log\n')
  writeFileSync(join(host, 'x.log'), '')
}

/** So much that to fill the workspace takes a while. */
function prepareBig(host: string): void {
  prepare(host)
  writeFileSync(join(host, 'big'), '')
  truncateSync(join(host, 'big'), bigBytes)
}

interface Connected extends TestSession {
  readonly client: Client
  readonly heard: string[]
}

async function withClient(
  open: Opener,
  options: OpenOptions,
  use: (it: Connected) => Promise<void>,
) {
  const it = await open({ warm: false, prepare, ...options })
  const { client, heard } = await clientOf(it.session, it.sight)
  try {
    // Where the files are is known once the sandbox is there.
    await use(Object.assign(Object.create(it), { client, heard }))
  } finally {
    await client.close()
    await it.close()
  }
}

/** Who asks for progress waits until there is a list. */
const waits = { onprogress: () => {} }
const namesIn = async (client: Client) =>
  (await client.listResources(undefined, waits)).resources.map(({ name }) => name)

describeFarSessions('resources of a workspace on another machine', (open) => {
  test('a list opens the sandbox, says so, and is of the files there', () =>
    withClient(open, {}, async (it) => {
      const { client } = it
      const told: (string | undefined)[] = []
      const onprogress = ({ message }: { message?: string | undefined }) => told.push(message)
      const { resources } = await client.listResources(undefined, { onprogress })
      expect(resources.map(({ name }) => name)).toEqual(['.gitignore', 'src/a.ts', 'src/b.ts'])
      expect(told.join()).toMatch(/connecting to (?:127\.0\.0\.1|sandbox sbx-)/)
      writeFileSync(join(it.files, 'src/there'), 'only there')
      expect(await namesIn(client)).toContain('src/there')
      const { contents } = await client.readResource({ uri: 'workspace:///src/there' })
      expect(contents).toMatchObject([{ text: 'only there' }])
    }))

  test('a list that is cancelled while the workspace is filled ends that', () =>
    withClient(open, { prepare: prepareBig }, async (it) => {
      const { client, session } = it
      const abort = new AbortController()
      const listing = client.listResources(undefined, { signal: abort.signal, ...waits })
      listing.catch(() => {})
      await seedUnderWay(() => it.files)
      abort.abort()
      await expect(listing).rejects.toThrow()
      expect(session.current).toBeUndefined()
      expect(await namesIn(client)).toContain('big')
    }))

  test('the first list, without progress, is put off while the workspace is filled, and told of then', () =>
    withClient(open, { prepare: prepareBig }, async ({ client, heard, session }) => {
      expect(await client.listResources()).toEqual({ resources: [] })
      expect(session.current).toBeUndefined()
      await expect.poll(() => heard, soon).toEqual(['list'])
      const { resources } = await client.listResources()
      expect(resources.map(({ name }) => name)).toContain('big')
    }))

  test('completion opens nothing, and completes once it is open', () =>
    withClient(open, {}, async ({ client, session }) => {
      const complete = async () =>
        (await client.complete({ ref: template, argument: { name: 'path', value: 'src/' } }))
          .completion.values
      expect(await complete()).toEqual([])
      expect(session.current).toBeUndefined()
      await namesIn(client)
      expect(await complete()).toEqual(['src/a.ts', 'src/b.ts'])
    }))

  test('a subscriber and who has listed hear of what tools, commands and others change', () =>
    withClient(open, {}, async (it) => {
      const { client, heard } = it
      const uri = 'workspace:///src/a.ts'
      await client.subscribeResource({ uri })
      await namesIn(client)
      const hear = async (...what: string[]) => {
        await expect.poll(() => [...new Set(heard)].sort(), soon).toEqual([...what].sort())
        heard.length = 0
      }
      const call = (name: string, args: object) => client.callTool({ name, arguments: { ...args } })
      await call('write', { path: 'src/a.ts', content: 'by a tool' })
      await hear(uri)
      await call('exec', { command: 'echo by a command > src/a.ts; echo > src/c.ts' })
      await hear(uri, 'list')
      await call('exec', { command: 'echo > y.log' })
      // By somebody else there: seen when it is looked again.
      writeFileSync(join(it.files, 'src/a.ts'), 'by somebody')
      await hear(uri)
      await client.unsubscribeResource({ uri })
      await call('exec', { command: 'rm src/a.ts src/c.ts' })
      await hear('list')
    }))
})

describeSshSessions('resources of a workspace on an SSH host', (open) => {
  test('what a lost sandbox had is heard of when it is filled anew', () =>
    withClient(open, {}, async (it) => {
      const { client, heard } = it
      const uri = 'workspace:///src/a.ts'
      await client.subscribeResource({ uri })
      await client.callTool({ name: 'write', arguments: { path: 'src/a.ts', content: 'changed' } })
      await expect.poll(() => heard, soon).toContain(uri)
      rmSync(join(it.files, '..'), { recursive: true })
      await client.callTool({ name: 'exec', arguments: { command: 'true' } })
      heard.length = 0
      await client.callTool({ name: 'exec', arguments: { command: 'true' } })
      await expect.poll(() => heard, soon).toContain(uri)
      const { contents } = await client.readResource({ uri })
      expect(contents).toMatchObject([{ text: 'a' }])
    }))

  test('a machine that cannot be reached does not fail the first list, but the next', async () => {
    const it = await open({ warm: false, settings: { ssh: { target: 'nobody@127.0.0.1:1' } } })
    const { client } = await clientOf(it.session, it.sight)
    try {
      expect(await client.listResources()).toEqual({ resources: [] })
      await expect(client.listResources()).rejects.toThrow(/BACKEND_UNAVAILABLE/)
    } finally {
      await client.close()
      await it.end()
      rmSync(join(it.host, '..'), { recursive: true })
    }
  })

  test('a machine that cannot be reached is told as such', async () => {
    const it = await open({ warm: false, settings: { ssh: { target: 'nobody@127.0.0.1:1' } } })
    const { client } = await clientOf(it.session, it.sight)
    try {
      const listing = client.listResources(undefined, waits)
      await expect(listing).rejects.toThrow(/BACKEND_UNAVAILABLE/)
    } finally {
      await client.close()
      await it.end()
      rmSync(join(it.host, '..'), { recursive: true })
    }
  })
})
