/** Resources as a client meets them. */
import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { fileLimitBytes } from '../../src/resources/file-content.ts'
import { longestTurn } from '../support/longest-turn.ts'
import { connect } from './connected.ts'
import { hostileUris, longUris } from './hostile-uris.ts'

const soon = { timeout: 10_000, interval: 10 }
const template = { type: 'ref/resource' as const, uri: 'workspace:///{+path}' }

describe('resources', () => {
  test('are announced with subscriptions, changes of the list, and completion', async () => {
    const { client } = await connect()
    expect(client.getServerCapabilities()).toMatchObject({
      resources: { subscribe: true, listChanged: true },
      completions: {},
    })
    const { resourceTemplates } = await client.listResourceTemplates()
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual([
      'workspace:///{+path}',
      'exec://{id}{?offset,limit}',
    ])
  })

  test('are listed in pages, and each can be read by its URI', async () => {
    const { client, write } = await connect()
    const paths = ['a?b#c', 'back\\slash', 'new\nline', 'Zoë/100%.md', ' ', 'x'].sort()
    for (const path of paths) write(path, path)
    for (let i = 0; i < 250; i++) write(`many/${i}`)
    const first = await client.listResources()
    expect(first.resources).toHaveLength(200)
    const second = await client.listResources({ cursor: first.nextCursor })
    expect(second.nextCursor).toBeUndefined()
    const all = [...first.resources, ...second.resources]
    expect(all).toHaveLength(256)
    for (const { uri, name } of all.filter(({ name }) => paths.includes(name))) {
      const { contents } = await client.readResource({ uri })
      expect(contents).toMatchObject([{ uri, text: name }])
    }
  })

  test('that are not wanted any more are no failure', async () => {
    const { client, sight, write } = await connect()
    write('d/f')
    const cancel = new AbortController()
    const names = sight.names.bind(sight)
    const asked = new Promise<void>((resolve) => {
      sight.names = async (path) => {
        cancel.abort()
        // Longer than a turn, after which it is seen that it was cancelled.
        await new Promise((wake) => setTimeout(wake, 30))
        if (path !== '') resolve()
        return names(path)
      }
    })
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
    await expect(client.listResources({}, { signal: cancel.signal })).rejects.toThrow('abort')
    await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 200))])
    expect(logged).not.toHaveBeenCalled()
    logged.mockRestore()
  })

  test('say that there is no workspace any more', async () => {
    const { client, root } = await connect()
    rmSync(root, { recursive: true })
    await expect(client.listResources()).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('the workspace directory is gone. Put it back'),
    })
  })

  test('say what a bad cursor is', async () => {
    const { client } = await connect()
    await expect(client.listResources({ cursor: 'bad' })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining(
        'the cursor is not one that this server gave. List from the beginning',
      ),
    })
  })
})

describe('a file', () => {
  const png = Buffer.from('89504e470d0a1a0a0000', 'hex')
  test.each<[string, Buffer, string, object]>([
    ['a.ts', Buffer.from('let a = "é"\r\n'), 'text/x-typescript', { text: 'let a = "é"\r\n' }],
    ['unknown', Buffer.from('text'), 'text/plain', { text: 'text' }],
    ['empty', Buffer.alloc(0), 'text/plain', { text: '' }],
    ['utf16.txt', Buffer.from('\ufeffhé', 'utf16le'), 'text/plain', { text: 'hé' }],
    ['latin.txt', Buffer.from([0xe9]), 'application/octet-stream', { blob: '6Q==' }],
    ['a.bin', Buffer.from([1, 0, 2]), 'application/octet-stream', { blob: 'AQAC' }],
    ['a.wasm', Buffer.from('\0asm'), 'application/wasm', { blob: 'AGFzbQ==' }],
    ['wrong.txt', png, 'image/png', { blob: png.toString('base64') }],
    ['__proto__.constructor', Buffer.from('x'), 'text/plain', { text: 'x' }],
  ])('%s is told as what it is', async (name, bytes, mimeType, content) => {
    const { client, root } = await connect()
    writeFileSync(join(root, name), bytes)
    const uri = `workspace:///${name}`
    const { contents } = await client.readResource({ uri })
    const _meta = { size: bytes.length, lastModified: expect.stringMatching(/^\d{4}-.*Z$/) }
    expect(contents).toEqual([{ uri, mimeType, _meta, ...content }])
  })

  test.each([
    ['no time', 99_999_999_999_999_000],
    ['no time', Date.UTC(10_000, 0)],
    ['no time', -1e15],
    ['a time', Date.UTC(9_999, 11, 31)],
    ['a time', -1.5],
  ])('is read and listed with %s where that is %d ms', async (told, modifiedMs) => {
    const { client, write, tree, sight } = await connect()
    write('f', 'x')
    const read = tree.read.bind(tree)
    tree.read = async (...args) => ({ ...(await read(...args)), modifiedMs })
    const walk = sight.walk.bind(sight)
    sight.walk = (of) =>
      Object.assign(walk(of), { files: async () => new Map([['f', { size: 1, modifiedMs }]]) })
    const lastModified = { lastModified: expect.stringMatching(/^\d{4}-.*Z$/) }
    const time = told === 'a time' ? lastModified : {}
    const { contents } = await client.readResource({ uri: 'workspace:///f' })
    expect(contents[0]?._meta).toEqual({ size: 1, ...time })
    const { resources } = await client.listResources()
    expect(resources.map(({ name, annotations }) => [name, annotations])).toEqual([['f', time]])
  })

  test('of any kind stays below what a frame carries, up to its limit', async () => {
    const { client, root } = await connect()
    for (const byte of ['a', '\x01', '"', '\0', '\xff']) {
      writeFileSync(join(root, 'f'), Buffer.alloc(fileLimitBytes, byte, 'latin1'))
      const result = await client.readResource({ uri: 'workspace:///f' })
      expect(JSON.stringify(result).length).toBeLessThan(9 * 1024 * 1024)
    }
    truncateSync(join(root, 'f'), 40e9)
    await expect(client.readResource({ uri: 'workspace:///f' })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('FILE_TOO_LARGE: "f" is 40000000000 bytes; at most 5242880'),
      data: { uri: 'workspace:///f' },
    })
  })

  test.each([
    ['d', 'NOT_A_FILE: "d" is a directory, not a file'],
    ['none', 'FILE_NOT_FOUND: there is no file "none"'],
    ['d/f/x', 'NOT_A_FILE: "d/f" is used as a directory, but it is a file'],
    ['fifo', 'NOT_A_FILE: "fifo" is a FIFO, not a file'],
    ['out', 'PATH_OUTSIDE: "out" was refused: it leads out of the workspace'],
    ['outDirectory/secret', 'PATH_OUTSIDE: "outDirectory/secret" was refused'],
    ['absolute', 'PATH_OUTSIDE: "absolute" was refused'],
    ['chain', 'PATH_OUTSIDE: "chain" was refused'],
    ['outNew', 'PATH_OUTSIDE: "outNew" was refused'],
    ['circle', 'FILE_NOT_FOUND: there is no file "circle"'],
  ])('that cannot be read says why: %s', async (path, message) => {
    const { client, root, outside, write } = await connect()
    write('d/f', 'x')
    execFileSync('mkfifo', [join(root, 'fifo')])
    const links = {
      out: '../ws-evil/secret',
      outDirectory: '../ws-evil',
      absolute: join(outside, 'secret'),
      chain: 'out',
      outNew: '../ws-evil/new',
      circle: 'circle',
    }
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(root, name))
    const uri = `workspace:///${path}`
    const refusal = { code: -32602, message: expect.stringContaining(message), data: { uri } }
    await expect(client.readResource({ uri })).rejects.toMatchObject(refusal)
    const error = await client.readResource({ uri }).catch((reason: Error) => reason.message)
    expect(error).not.toContain(root)
  })

  test.each(hostileUris)('is not reached by %s', async (_, uri, reason) => {
    const { client, write } = await connect()
    write('a.txt', 'x')
    for (const call of [
      () => client.readResource({ uri }),
      () => client.subscribeResource({ uri }),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: -32602,
        message: expect.stringContaining(reason),
        data: { uri },
      })
    }
  })

  test('is not reached by another scheme', async () => {
    const { client } = await connect()
    for (const uri of ['file:///etc/passwd', '/etc/passwd', '', 'x', 'http://localhost/']) {
      await expect(client.readResource({ uri })).rejects.toMatchObject({
        code: -32602,
        message: expect.stringContaining('there is no resource'),
        data: { uri },
      })
    }
    await expect(client.readResource({ uri: 'exec://none' })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('PROCESS_NOT_FOUND'),
    })
  })

  test('and the next answer do not wait for millions of hostile characters', async () => {
    const { client } = await connect()
    const uris = [...Object.values(longUris()), `exec://${'?&'.repeat(1e6)}`, 'x'.repeat(4e6)]
    for (const uri of uris) {
      const began = performance.now()
      await expect(client.readResource({ uri })).rejects.toMatchObject({ code: -32602 })
      const tookMs = performance.now() - began
      expect(tookMs).toBeLessThan(1_000)
    }
  })
})

describe('completion', () => {
  const complete = async (client: Awaited<ReturnType<typeof connect>>['client'], value: string) => {
    const argument = { name: 'path', value }
    return (await client.complete({ ref: template, argument })).completion
  }

  test('goes on from what was typed, directories with a slash, ignored ones last', async () => {
    const { client, write, root } = await connect()
    for (const path of ['src/main.ts', 'src/mcp/a', 'src/x', 'build/y', 'a.log', 'README.md']) {
      write(path)
    }
    write('.gitignore', 'build/\n*.log\n')
    write('.git/config')
    write('quest?ion')
    symlinkSync('src', join(root, 'link'))
    symlinkSync('../ws-evil', join(root, 'out'))
    expect(await complete(client, '')).toEqual({
      values: ['.gitignore', 'README.md', 'link/', 'src/', 'a.log', 'build/'],
      total: 6,
      hasMore: false,
    })
    expect((await complete(client, 'src/m')).values).toEqual(['src/main.ts', 'src/mcp/'])
    expect((await complete(client, 'link/m')).values).toEqual(['link/main.ts', 'link/mcp/'])
    expect((await complete(client, 'src/main.ts')).values).toEqual(['src/main.ts'])
  })

  test.each([
    '../',
    '../ws-evil/',
    '/',
    '/etc/',
    'a/../../',
    'out/',
    'out/s',
    './',
    'src//',
    'f/',
    'a\0/',
  ])('never leaves the workspace: %j', async (value) => {
    const { client, write, root } = await connect()
    write('src/x')
    write('f')
    symlinkSync('../ws-evil', join(root, 'out'))
    expect(await complete(client, value)).toEqual({ values: [], total: 0, hasMore: false })
  })

  test('gives a hundred, and says how many there are', async () => {
    const { client, root } = await connect()
    for (let i = 0; i < 150; i++) mkdirSync(join(root, `d${i}`))
    const { values, total, hasMore } = await complete(client, 'd')
    expect({ count: values.length, total, hasMore }).toEqual({
      count: 100,
      total: 150,
      hasMore: true,
    })
  })

  test('lets others have their turn, whatever the ignore file', async () => {
    const { client, write } = await connect()
    // It does not fit the last name before all of it was tried.
    write('.gitignore', 'b\n'.repeat(32_000))
    for (let i = 0; i < 3_000; i++) write(`f${i}`)
    await complete(client, 'none')
    const longest = await longestTurn(async () => {
      expect((await complete(client, 'f')).total).toBe(3_000)
    })
    expect(longest).toBeLessThan(0.5)
  })

  test('is refused for what is no template or argument of ours', async () => {
    const { client } = await connect()
    const refused = { code: -32602 }
    const argument = { name: 'path', value: '' }
    for (const ref of [
      { type: 'ref/resource' as const, uri: 'file:///{x}' },
      { type: 'ref/prompt' as const, name: 'x' },
    ]) {
      await expect(client.complete({ ref, argument })).rejects.toMatchObject(refused)
    }
    const other = { name: 'other', value: '' }
    await expect(client.complete({ ref: template, argument: other })).rejects.toMatchObject(refused)
  })
})

describe('a client', () => {
  test('hears of a file it subscribed to, and of the list it has seen', async () => {
    const { client, heard, write } = await connect()
    write('f', 'x')
    await client.subscribeResource({ uri: 'workspace:///f' })
    await client.callTool({ name: 'write', arguments: { path: 'f', content: 'y' } })
    await expect.poll(() => heard, soon).toEqual(['workspace:///f'])
    write('g')
    await client.listResources()
    write('h')
    await expect.poll(() => heard, soon).toEqual(['workspace:///f', 'list'])
    await client.unsubscribeResource({ uri: 'workspace:///f' })
    write('f', 'z')
    write('i')
    await expect.poll(() => heard, soon).toEqual(['workspace:///f', 'list', 'list'])
  })

  test('that unsubscribes before the subscription is answered hears nothing', async () => {
    const { client, heard, write } = await connect()
    const [f, g] = [{ uri: 'workspace:///f' }, { uri: 'workspace:///g' }]
    await Promise.all([
      client.subscribeResource(f),
      client.subscribeResource(g),
      client.unsubscribeResource(f),
      client.unsubscribeResource(g),
      client.subscribeResource(g),
    ])
    write('f', 'x')
    write('g', 'x')
    await expect.poll(() => heard, soon).toEqual([g.uri])
  })

  test('may unsubscribe from what it never subscribed to', async () => {
    const { client } = await connect()
    await expect(client.unsubscribeResource({ uri: 'workspace:///x' })).resolves.toEqual({})
  })

  test.runIf(process.platform === 'linux')('that went away is watched for no more', async () => {
    const before = kernelWatches()
    const { client, write } = await connect()
    write('d/f', 'x')
    await client.subscribeResource({ uri: 'workspace:///d/f' })
    await client.listResources()
    expect(kernelWatches()).toBeGreaterThan(before)
    await client.close()
    await expect.poll(kernelWatches, soon).toBe(before)
  })
})

/** Directories that the kernel listens at for this process. */
function kernelWatches(): number {
  return readdirSync('/proc/self/fdinfo').reduce((count, fd) => {
    try {
      const lines = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').split('\n')
      return count + lines.filter((line) => line.startsWith('inotify')).length
    } catch {
      return count
    }
  }, 0)
}
