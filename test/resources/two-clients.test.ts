/** Two clients with a server each, on one workspace: both hear of every change, whoever makes it. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { describeWhere } from '../support/available.ts'
import { newWorld, type RunningServer, startServer, type World } from '../support/stdio-server.ts'
import { listen } from './connected.ts'

const soon = { timeout: 10_000, interval: 10 }
const uri = 'workspace:///src/a.txt'

describeWhere('bubblewrap', 'two clients of one workspace', () => {
  let world: World
  let servers: RunningServer[]
  let heard: string[][]

  beforeEach(async () => {
    world = newWorld()
    const args = ['--backend', 'bubblewrap', '--ephemeral']
    servers = await Promise.all([startServer(world, args), startServer(world, args)])
    heard = servers.map(({ client }) => listen(client))
  })
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.close()))
    world.remove()
  })

  const [first, second] = [() => servers[0] as RunningServer, () => servers[1] as RunningServer]
  const onHost = (path: string) => join(world.workspace, path)

  const bothHear = async (expected: string) => {
    for (const one of heard) await expect.poll(() => one, soon).toContain(expected)
    // The same change is not told twice: what comes now is told of the next one.
    for (const one of heard) one.length = 0
  }

  test('hear of a file changed by exec, by edit, and on the host', async () => {
    const made = await first().call('exec', { command: 'mkdir src; echo one > src/a.txt' })
    expect(made.structuredContent).toMatchObject({ exitCode: 0 })
    for (const { client } of servers) await client.subscribeResource({ uri })

    await second().call('exec', { command: 'echo two > src/a.txt' })
    await bothHear(uri)
    await first().call('edit', { path: 'src/a.txt', edits: [{ oldText: 'two', newText: 'three' }] })
    await bothHear(uri)
    expect(readFileSync(onHost('src/a.txt'), 'utf8')).toBe('three\n')
    writeFileSync(onHost('src/a.txt'), 'four\n')
    await bothHear(uri)
    writeFileSync(onHost('new'), 'five\n')
    renameSync(onHost('new'), onHost('src/a.txt'))
    await bothHear(uri)
    const { contents } = await second().client.readResource({ uri })
    expect(contents).toMatchObject([{ text: 'five\n' }])
    await first().call('exec', { command: 'rm -r src' })
    await bothHear(uri)
    await second().call('write', { path: 'src/a.txt', content: 'six\n' })
    await bothHear(uri)
  })

  test('hear of files that come and go, by exec, by apply_patch, and on the host', async () => {
    for (const { client } of servers) await client.listResources()
    await first().call('exec', { command: 'touch one' })
    await bothHear('list')
    const input = '*** Begin Patch\n*** Add File: two\n+x\n*** Delete File: one\n*** End Patch'
    const patched = await second().call('apply_patch', { input })
    expect(patched.isError).not.toBe(true)
    await bothHear('list')
    writeFileSync(onHost('three'), '')
    await bothHear('list')
    const { resources } = await first().client.listResources()
    expect(resources.map(({ name }) => name)).toEqual(['three', 'two'])
  })
})

describeWhere('bubblewrap', 'the log of a command', () => {
  test('is read while it runs, told of, and read to its last byte in pages', async () => {
    const world = newWorld()
    const server = await startServer(world, ['--backend', 'bubblewrap', '--ephemeral'])
    try {
      const heard = listen(server.client)
      const command = 'echo begun; read go; seq 1 60000; echo done'
      const started = await server.call('exec', { command, background: true })
      const { id } = started.structuredContent as { id: string }
      const log = `exec://${id}`
      const read = async (uri: string) => {
        const { contents } = await server.client.readResource({ uri })
        return contents[0] as unknown as { text: string; _meta: { next: number; total: number } }
      }
      await server.client.subscribeResource({ uri: log })
      await expect.poll(async () => (await read(log)).text, soon).toMatch(/^begun\n\[still running/)
      heard.length = 0
      await server.call('process', { action: 'write', id, data: 'go\n', eof: true })
      await expect.poll(() => heard, soon).toContain(log)
      await expect.poll(async () => (await read(log))._meta, soon).toMatchObject({ running: false })

      const pages: string[] = []
      for (let uri: string | undefined = log; uri !== undefined; ) {
        const { text } = await read(uri)
        pages.push(text.replace(/\[bytes .*\]$/, ''))
        uri = / read on at (exec:\S+)\]$/.exec(text)?.[1]
      }
      expect(pages.length).toBeGreaterThan(4)
      const numbers = Array.from({ length: 60_000 }, (_, i) => `${i + 1}\n`).join('')
      expect(pages.join('').replaceAll('\n', '')).toBe(`begun${numbers}done`.replaceAll('\n', ''))
      const { ref, argument } = {
        ref: { type: 'ref/resource' as const, uri: 'exec://{id}{?offset,limit}' },
        argument: { name: 'id', value: id.slice(0, 3) },
      }
      const { completion } = await server.client.complete({ ref, argument })
      expect(completion.values).toEqual([id])
    } finally {
      await server.close()
      world.remove()
    }
  })
})
