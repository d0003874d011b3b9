/** A client's resources of a mirrored workspace, over MCP: the host's files, as commands inside change them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { pageLimits } from '../../src/resources/file-pages.ts'
import { describeWhere } from '../support/available.ts'
import { type MirrorServer, startMirrorServer } from '../support/mirror-session.ts'
import type { TestSession } from '../support/sandbox-session.ts'
import { clientOf } from './connected.ts'

const soon = { timeout: 30_000, interval: 20 }
/** Each has a sandbox of its own, and a sync before and after each command, on machines that are busy. */
const patient = { timeout: 240_000 }
const uri = 'workspace:///src/a.ts'

describeWhere('openshell-double', 'resources of a mirrored workspace', () => {
  let server: MirrorServer
  let it: TestSession
  let client: Client
  let heard: string[]
  beforeAll(async () => {
    server = await startMirrorServer()
  })
  afterAll(() => server?.close())
  beforeEach(async () => {
    it = await server.open({
      prepare: (host) => {
        mkdirSync(join(host, 'src'))
        writeFileSync(join(host, 'src/a.ts'), 'a')
        writeFileSync(join(host, '.gitignore'), '*.log\n')
      },
    })
    ;({ client, heard } = await clientOf(it.session, it.sight))
  })
  afterEach(async () => {
    await client?.close()
    await it?.close()
  })

  const call = (name: string, args: object) =>
    client.callTool({ name, arguments: { ...args } }) as Promise<CallToolResult>
  const sh = (command: string, args: object = {}) => call('exec', { command, ...args })
  const namesIn = async () => {
    const names: string[] = []
    let [cursor, pages]: [string | undefined, number] = [undefined, 0]
    do {
      const page = await client.listResources(cursor === undefined ? {} : { cursor })
      names.push(...page.resources.map(({ name }) => name))
      cursor = page.nextCursor
      pages += 1
    } while (cursor !== undefined)
    return { names, pages }
  }
  const hear = async (...what: string[]) => {
    await expect.poll(() => [...new Set(heard)].sort(), soon).toEqual([...what].sort())
    heard.length = 0
  }

  test('a list and a read are of the host, and open no sandbox', patient, async () => {
    expect((await namesIn()).names).toEqual(['.gitignore', 'src/a.ts'])
    const { contents } = await client.readResource({ uri })
    expect(contents).toMatchObject([{ text: 'a' }])
    expect(it.session.current).toBeUndefined()
  })

  test(
    'what a command makes is listed in pages, and read as text and as bytes',
    patient,
    async () => {
      const count = pageLimits.files + 20
      await sh(
        `mkdir many; i=0; while [ $i -lt ${count} ]; do echo $i > many/$i; i=$((i + 1)); done; printf '\\377\\000' > binary; echo > x.log`,
      )
      const { names, pages } = await namesIn()
      const many = Array.from({ length: count }, (_, i) => `many/${i}`)
      expect(names.sort()).toEqual(['.gitignore', 'binary', 'src/a.ts', ...many].sort())
      expect(pages).toBe(2)
      const read = async (path: string) =>
        (await client.readResource({ uri: `workspace:///${path}` })).contents
      expect(await read('many/7')).toMatchObject([{ text: '7\n' }])
      expect(await read('binary')).toMatchObject([{ blob: '/wA=' }])
    },
  )

  test(
    'a subscriber and who has listed hear of what commands do, also while they run',
    patient,
    async () => {
      await client.subscribeResource({ uri })
      await namesIn()
      await sh('echo by a command > src/a.ts')
      await hear(uri)
      await sh('echo > src/b.ts')
      await hear('list')
      // Nobody asks for it: it comes with the sync of what runs.
      await sh('echo in the background > src/a.ts; exec sleep 1000', { background: true })
      await hear(uri)
      expect(readFileSync(join(it.host, 'src/a.ts'), 'utf8')).toBe('in the background\n')
      await client.unsubscribeResource({ uri })
      await sh('rm src/a.ts')
      await hear('list')
    },
  )

  test(
    'the version of the sandbox that is kept in a conflict is linked to, listed and read',
    patient,
    async () => {
      await client.subscribeResource({ uri })
      await namesIn()
      const started = await sh('read line; echo of the sandbox > src/a.ts', { background: true })
      const { id } = started.structuredContent as { id: string }
      writeFileSync(join(it.host, 'src/a.ts'), 'of an editor')
      await hear(uri)
      const written = await call('process', { action: 'write', id, data: 'go\n' })
      const polled = await call('process', { action: 'poll', id, waitMs: 20_000 })
      const links = [...written.content, ...polled.content].filter(
        (block) => block.type === 'resource_link',
      )
      expect(links).toHaveLength(1)
      const [link] = links
      await hear('list')
      const { contents } = await client.readResource({ uri: link?.uri ?? '' })
      expect(contents).toMatchObject([{ text: 'of the sandbox\n' }])
      const { resources } = await client.listResources()
      expect(resources.map((one) => one.uri)).toContain(link?.uri)
      const own = await client.readResource({ uri })
      expect(own.contents).toMatchObject([{ text: 'of an editor' }])
    },
  )
})
