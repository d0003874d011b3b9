/**
 * Which directory a session is about when nobody named one: the client's roots, the current directory,
 * a private one. The built server, on the host's own backend, so that no engine is needed.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { listen } from '../resources/connected.ts'
import { newWorld, startServer, textOf, type Unnamed } from '../support/stdio-server.ts'

const flags = ['--set', 'mode=off']

async function start(unnamed: (world: ReturnType<typeof place>) => Unnamed, more: string[] = []) {
  const made = place()
  const server = await startServer(made.world, [...flags, ...more], unnamed(made))
  onTestFinished(() => server.close())
  const pwd = async () => textOf(await server.call('exec', { command: 'pwd -P' }))
  return { ...made, ...server, server, pwd }
}

/** Two projects, and a home that no project is. */
function place() {
  const world = newWorld()
  onTestFinished(() => world.remove())
  const [one, two] = ['one', 'two'].map((name) => {
    const path = join(world.workspace, name)
    mkdirSync(path)
    writeFileSync(join(path, 'name'), name)
    return path
  }) as [string, string]
  return { world, one, two, home: world.env.HOME ?? '' }
}

const uri = (path: string) => pathToFileURL(path).href

test('the first root of the client is the workspace, and only a call asks for it', async () => {
  let asked = 0
  const { one, two, server, pwd } = await start(({ one, two }) => ({
    cwd: two,
    roots: async () => {
      asked += 1
      return [uri(one), uri(two)]
    },
  }))
  expect([asked, server.log()]).toEqual([0, ''])
  expect(await pwd()).toContain(one)
  expect(await pwd()).not.toContain(two)
  expect(asked).toBe(1)
  expect(server.log()).toContain(`workspace ${one} (a root of the client)`)
  const { contents } = await server.client.readResource({ uri: 'workspace:///name' })
  expect(contents[0]).toMatchObject({ text: 'one' })
})

test.each([
  ['no file of this machine', () => 'https://example.com/project', 'no directory of this machine'],
  ['not there', ({ one }: { one: string }) => uri(join(one, 'gone')), 'it is not there'],
  ['the home directory', ({ home }: { home: string }) => uri(home), 'covers the home directory'],
  ['the root', () => 'file:///', 'root of the file system'],
])('a root that is %s is passed over, and the first result says so once', async (_, root, why) => {
  const { two, pwd, server } = await start((made) => ({
    cwd: made.one,
    roots: async () => [root(made), uri(made.two)],
  }))
  const first = await pwd()
  expect(first).toContain(two)
  expect(first).toContain(why)
  expect(await pwd()).not.toContain(why)
  expect(server.log()).toContain(why)
})

test('without roots it is the current directory', async () => {
  const { one, pwd } = await start((made) => ({ cwd: made.one }))
  expect(await pwd()).toContain(one)
})

test('a client that has roots and never answers does not keep a call from its directory', async () => {
  const { one, pwd, server } = await start((made) => ({
    cwd: made.one,
    roots: () => new Promise(() => {}),
  }))
  expect(await pwd()).toContain(one)
  expect(server.log()).toContain('did not tell its roots')
})

test('where no project is, it is a private one, and the first result says so', async () => {
  const { home, pwd, server } = await start((made) => ({ cwd: made.home }))
  const first = await pwd()
  expect(first).toContain(join(home, 'sandbox-mcp', 'workspaces', 'main'))
  expect(first).toContain('no workspace was named')
  expect(first).toContain('--workspace')
  expect(await pwd()).not.toContain('no workspace was named')
  expect(server.log()).toContain('no workspace was named')
  expect(server.client.getInstructions()).toContain('unless the first result says')
})

test('roots that change before anything ran are followed', async () => {
  let root = ''
  const { one, two, server, pwd } = await start((made) => {
    root = made.one
    return { cwd: made.home, roots: async () => [uri(root)] }
  })
  expect(textOf(await server.call('read', { path: 'name' }))).toContain('one')
  root = two
  await server.client.sendRootsListChanged()
  await expect.poll(() => server.log()).toContain('chosen anew')
  expect(textOf(await server.call('read', { path: 'name' }))).toContain('two')
  const out = await pwd()
  expect(out).toContain(two)
  expect(out).not.toContain(one)
})

test('a subscriber hears of the file of that name in the workspace that its new roots name', async () => {
  let root = ''
  const { one, two, server } = await start((made) => {
    root = made.one
    return { cwd: made.home, roots: async () => [uri(root)] }
  })
  const heard = listen(server.client)
  const name = { uri: 'workspace:///name' }
  await server.client.subscribeResource(name)
  root = two
  await server.client.sendRootsListChanged()
  await expect.poll(() => heard, { timeout: 10_000 }).toEqual(['list', name.uri])
  writeFileSync(join(two, 'name'), 'changed')
  await expect.poll(() => heard, { timeout: 10_000 }).toEqual(['list', name.uri, name.uri])
  writeFileSync(join(one, 'name'), 'changed')
  await server.client.unsubscribeResource(name)
  writeFileSync(join(two, 'name'), 'again')
  await server.call('read', { path: 'name' })
  expect(heard).toHaveLength(3)
})

test('a change that is told twice, and once slowly, leaves alone what has begun after the first', async () => {
  let root = ''
  let asked = 0
  let slowly = Promise.resolve()
  const { two, server, pwd } = await start((made) => {
    root = made.one
    const roots = async () => {
      asked += 1
      if (asked === 3) await slowly
      return [uri(root)]
    }
    return { cwd: made.home, roots }
  })
  await server.call('read', { path: 'name' })
  root = two
  let answer = () => {}
  slowly = new Promise((resolve) => {
    answer = resolve
  })
  await server.client.sendRootsListChanged()
  await server.client.sendRootsListChanged()
  await expect
    .poll(() => [asked, server.log()], { timeout: 10_000 })
    .toEqual([3, expect.stringContaining('anew')])
  expect(await pwd()).toContain(two)
  await server.call('exec', { command: 'sleep 60', background: true })
  answer()
  await server.client.ping()
  expect(textOf(await server.call('process', { action: 'list' }))).toContain('sleep 60')
})

test('roots that change later are not, and both the log and a result say what to do', async () => {
  let root = ''
  const { one, two, server, pwd } = await start((made) => {
    root = made.one
    return { cwd: made.home, roots: async () => [uri(root)] }
  })
  expect(await pwd()).toContain(one)
  root = two
  await server.client.sendRootsListChanged()
  await expect.poll(() => server.log()).toContain('restart the server')
  const told = await pwd()
  expect(told).toContain(one)
  expect(told).toContain(`restart the server to work on ${two}`)
  expect(await pwd()).not.toContain('restart the server')
})

test('a file of settings in the client’s root is refused at the call', async () => {
  const made = place()
  const config = join(made.one, 'config.json5')
  writeFileSync(config, '{}')
  const server = await startServer(made.world, [...flags, '--config', config], {
    cwd: made.home,
    roots: async () => [uri(made.one)],
  })
  onTestFinished(() => server.close())
  const result = await server.call('exec', { command: 'true' })
  expect([result.isError, textOf(result)]).toEqual([
    true,
    expect.stringContaining('CONFIG_INVALID'),
  ])
  await expect(server.client.listResources()).rejects.toThrow('is refused: it says what')
})
