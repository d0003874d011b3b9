/** Engines that are not there, do not answer, or answer no. */

import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { dockerChannel } from '../../src/backends/docker/channel.ts'
import { connectEngine } from '../../src/backends/docker/connect.ts'
import { connectionOptions, type Endpoint, endpoints } from '../../src/backends/docker/endpoint.ts'
import type { DockerEngine } from '../../src/backends/docker/engine.ts'
import { execExit } from '../../src/backends/docker/exec-exit.ts'
import { label } from '../../src/backends/docker/labels.ts'
import { DockerBackend } from '../../src/backends/docker.ts'

const never = new AbortController().signal
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sandbox-mcp-engine-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

describe('where an engine is looked for', () => {
  const paths = (env: NodeJS.ProcessEnv) => endpoints(env, directory).map(({ name }) => name)

  test('DOCKER_HOST is the only answer when it is set', () => {
    expect(paths({ DOCKER_HOST: 'tcp://1.2.3.4:2375', DOCKER_CONTEXT: 'x' })).toEqual([
      'tcp://1.2.3.4:2375',
    ])
  })

  test("the CLI's current context is used, and DOCKER_CONTEXT before it", () => {
    const write = (name: string, host: string) => {
      const id = createHash('sha256').update(name).digest('hex')
      mkdirSync(join(directory, '.docker/contexts/meta', id), { recursive: true })
      const meta = { Name: name, Endpoints: { docker: { Host: host } } }
      writeFileSync(join(directory, '.docker/contexts/meta', id, 'meta.json'), JSON.stringify(meta))
    }
    write('desktop-linux', 'unix:///home/me/.docker/desktop/docker.sock')
    write('remote', 'ssh://me@host')
    writeFileSync(join(directory, '.docker/config.json'), '{"currentContext":"desktop-linux"}')
    expect(paths({})).toEqual(['unix:///home/me/.docker/desktop/docker.sock'])
    expect(paths({ DOCKER_CONTEXT: 'remote' })).toEqual(['ssh://me@host'])
    expect(paths({ DOCKER_CONTEXT: 'default' })[0]).toBe('unix:///var/run/docker.sock')
  })

  test('a damaged CLI configuration is no obstacle', () => {
    mkdirSync(join(directory, '.docker'))
    writeFileSync(join(directory, '.docker/config.json'), '{')
    expect(paths({})[0]).toBe('unix:///var/run/docker.sock')
  })

  test('DOCKER_HOST is read as the CLI reads it', () => {
    const [blank, none] = [endpoints({ DOCKER_HOST: ' ' }, directory), endpoints({}, directory)]
    expect(blank).toEqual(none)
    expect(endpoints({ DOCKER_HOST: 'unix://' }, directory)).toMatchObject([
      { name: 'unix:///var/run/docker.sock', socketPath: '/var/run/docker.sock' },
    ])
    expect(endpoints({ DOCKER_HOST: '10.0.0.5:2375' }, directory)).toMatchObject([
      { name: 'tcp://10.0.0.5:2375' },
    ])
    expect(endpoints({ DOCKER_HOST: 'tcp://docker' }, directory)[0]?.port).toBe(2375)
    expect(
      endpoints({ DOCKER_HOST: 'tcp://docker', DOCKER_TLS_VERIFY: '1' }, directory),
    ).toMatchObject([{ name: 'tcp://docker', port: 2376 }])
  })

  test.each([
    '/var/run/docker.sock',
    'unix:/run/docker.sock',
    'fd://',
    'ftp://host',
    'tcp://host:99999',
    'tcp://',
    'a b',
  ])('DOCKER_HOST %s is refused, and nothing is asked', async (host) => {
    const found = endpoints({ DOCKER_HOST: host }, directory)
    await expect(connectEngine(never, found)).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: `DOCKER_HOST "${host}" is no address of an engine: write unix:///path/to/docker.sock or tcp://host:2375`,
    })
  })

  test('an engine over SSH is refused, because no host key would be checked, and nothing is asked', async () => {
    const id = createHash('sha256').update('remote').digest('hex')
    mkdirSync(join(directory, '.docker/contexts/meta', id), { recursive: true })
    writeFileSync(
      join(directory, '.docker/contexts/meta', id, 'meta.json'),
      JSON.stringify({ Name: 'remote', Endpoints: { docker: { Host: 'ssh://me@127.0.0.1:1' } } }),
    )
    for (const env of [{ DOCKER_HOST: 'ssh://me@127.0.0.1:1' }, { DOCKER_CONTEXT: 'remote' }]) {
      await expect(connectEngine(never, endpoints(env, directory))).rejects.toMatchObject({
        code: 'BACKEND_UNAVAILABLE',
        message: expect.stringMatching(
          /^the engine "ssh:\/\/me@127\.0\.0\.1:1" would be reached by SSH, .*--backend ssh/,
        ),
      })
    }
  })

  test('a context that is not there is no reason to take another engine', async () => {
    const found = endpoints({ DOCKER_CONTEXT: 'lost' }, directory)
    await expect(connectEngine(never, found)).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('DOCKER_CONTEXT "lost"'),
    })
  })

  test.each([
    ['tcp://', false, 'the Docker context "odd" has no address of an engine but "tcp://"'],
    ['', false, 'has no address of an engine but ""'],
    [5, false, 'has no address of an engine but "5"'],
    ['tcp://10.0.0.5:2376', true, 'skips the look at the certificate of "tcp://10.0.0.5:2376"'],
  ])(
    'a context with %j is refused (TLS is not verified: %s), and nothing is asked',
    async (Host, SkipTLSVerify, what) => {
      const id = createHash('sha256').update('odd').digest('hex')
      const meta = join(directory, '.docker/contexts/meta', id)
      mkdirSync(meta, { recursive: true })
      const context = { Name: 'odd', Endpoints: { docker: { Host, SkipTLSVerify } } }
      writeFileSync(join(meta, 'meta.json'), JSON.stringify(context))
      const found = endpoints({ DOCKER_CONTEXT: 'odd' }, directory)
      await expect(connectEngine(never, found)).rejects.toMatchObject({
        code: 'BACKEND_UNAVAILABLE',
        message: expect.stringContaining(what),
      })
    },
  )

  test('a context without a port has the usual one', () => {
    for (const [certificates, port] of [
      [undefined, 2375],
      [directory, 2376],
    ] as const) {
      const endpoint = { name: 'far', url: 'tcp://far', ...(certificates && { certificates }) }
      expect(connectionOptions(endpoint)).toMatchObject({ host: 'far', port })
    }
  })

  test('the certificates of a context are used', () => {
    const id = createHash('sha256').update('far').digest('hex')
    const [meta, tls] = ['meta', 'tls'].map((kind) => join(directory, '.docker/contexts', kind, id))
    mkdirSync(meta as string, { recursive: true })
    mkdirSync(join(tls as string, 'docker'), { recursive: true })
    const context = { Name: 'far', Endpoints: { docker: { Host: 'tcp://10.0.0.5:2376' } } }
    writeFileSync(join(meta as string, 'meta.json'), JSON.stringify(context))
    for (const name of ['ca', 'cert', 'key']) {
      writeFileSync(join(tls as string, 'docker', `${name}.pem`), `the ${name}`)
    }
    const [found] = endpoints({ DOCKER_CONTEXT: 'far' }, directory)
    const { protocol, port, ...rest } = connectionOptions(found as Endpoint) as Record<
      string,
      unknown
    >
    expect([protocol, port]).toEqual(['https', 2376])
    expect(String(rest.ca) + rest.cert + rest.key).toBe('the cathe certthe key')
  })

  test("Podman's sockets are tried last", () => {
    expect(paths({ XDG_RUNTIME_DIR: '/run/user/7' }).slice(-3)).toEqual([
      'unix:///run/user/7/podman/podman.sock',
      'unix:///run/podman/podman.sock',
      `unix://${directory}/.local/share/containers/podman/machine/podman.sock`,
    ])
  })
})

describe('an engine that does not work', () => {
  let server: Server | undefined
  const socketPath = () => join(directory, 'docker.sock')
  const spec = () => ({
    name: 'sbx-aaaaaaaaaaaaaaa',
    installation: 'i',
    scopeKey: 's',
    agent: 'main',
    mounts: [{ host: directory, sandbox: '/workspace', writable: true }] as const,
    owner: { uid: 0, gid: 0 },
  })
  const candidates = () => [{ name: 'unix://test', socketPath: socketPath() }]
  const listen = (answer: Parameters<typeof createServer>[1]) =>
    new Promise<void>((resolve) => {
      server = createServer(answer as never).listen(socketPath(), resolve)
    })
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })

  test('none: the error names both ways out', async () => {
    await expect(connectEngine(never, candidates())).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('no Docker engine is running'),
      hint: expect.stringMatching(/Start Docker.*DOCKER_HOST.*bubblewrap/),
    })
  })

  test('one that accepts and never answers is an error in seconds', async () => {
    await listen(() => {})
    const began = performance.now()
    await expect(connectEngine(never, candidates())).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('"ping" and did not answer within 3 s'),
    })
    expect(performance.now() - began).toBeLessThan(6_000)
  })

  test('a call that hangs later is cancelled at once', async () => {
    await listen((request, response) => {
      if (request.url?.includes('_ping')) response.end('OK')
    })
    const abort = new AbortController()
    const engine = await connectEngine(never, candidates())
    const asking = engine.inspect('x', abort.signal)
    abort.abort()
    await expect(asking).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  test('a sandbox that is made again while it is removed is not waited for', async () => {
    let id = 'first'
    const engine = {
      inspect: async (asked: string) => ([spec().name, id].includes(asked) ? { id } : undefined),
      remove: async () => {
        id = 'second'
      },
    }
    const backend = new DockerBackend({}, async () => engine as unknown as DockerEngine)
    const removed = backend.remove(spec().name, never).then(() => id)
    const late = new Promise((resolve) => setTimeout(resolve, 1_000, 'late').unref())
    expect(await Promise.race([removed, late])).toBe('second')
  })

  test.each([
    ['is none of ours', { name: 'cafe', labels: {} }],
    ['has an id that begins so', { name: 'other', labels: { [label.installation]: 'any' } }],
  ])('what is found by the name of a renamed sandbox and %s is not removed', async (_, found) => {
    const removed: string[] = []
    const engine = {
      inspect: async () => (removed.length === 0 ? { id: 'cafe1', ...found } : undefined),
      remove: async (id: string) => removed.push(id),
    }
    const backend = new DockerBackend({}, async () => engine as unknown as DockerEngine)
    await backend.remove('cafe', never)
    expect(removed).toEqual([])
  })

  test('one that is stopped later: every call says so, and what helps', async () => {
    await listen((_, response) => response.end('OK'))
    const engine = await connectEngine(never, candidates())
    server?.closeAllConnections()
    await new Promise((resolve) => server?.close(resolve))
    const gone = {
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(/^unix:\/\/test does not answer: /),
      hint: expect.stringMatching(/Start Docker.*DOCKER_HOST.*bubblewrap/),
    }
    await expect(engine.inspect('x', never)).rejects.toMatchObject(gone)
    await expect(engine.create({ name: 'x' }, never)).rejects.toMatchObject(gone)
    await expect(engine.pull('x', undefined, never, () => {})).rejects.toMatchObject(gone)
    const image = engine.hasImage('x', undefined, never)
    await expect(image).rejects.toMatchObject(gone)
  })

  test('one that breaks the connection says so too', async () => {
    await listen((request, response) => {
      if (request.url?.includes('_ping')) response.end('OK')
      else request.socket.destroy()
    })
    const engine = await connectEngine(never, candidates())
    await expect(engine.inspect('x', never)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
  })

  test('what a container is made of is in the body of the request, and not in its URL', async () => {
    let url: string | undefined
    let body = ''
    await listen((request, response) => {
      if (!request.url?.includes('/containers/create')) return void response.end('OK')
      url = request.url
      request.setEncoding('utf8').on('data', (part: string) => {
        body += part
      })
      request.on('end', () => {
        response.writeHead(201, { 'content-type': 'application/json' })
        response.end('{"Id":"made"}')
      })
    })
    const engine = await connectEngine(never, candidates())
    const options = { name: 'one', platform: 'linux/arm64', Image: 'x', Env: ['TOKEN=hunter2'] }
    expect(await engine.create(options, never)).toBe('made')
    expect(url).toBe('/containers/create?name=one&platform=linux%2Farm64')
    expect(JSON.parse(body)).toEqual({ Image: 'x', Env: ['TOKEN=hunter2'] })
  })

  test('a server that lost the race for a container while it pulled the image waits for the other', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    let [creates, looks, isPulled] = [0, 0, false]
    await listen((request, response) => {
      const url = request.url ?? ''
      const answer = (status: number, body: unknown) => {
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(JSON.stringify(body))
      }
      if (url.includes('_ping')) return void response.end('OK')
      if (/\/(info|version)/.test(url)) return answer(200, {})
      if (url.includes('/images/create')) {
        vi.setSystemTime(Date.now() + 60_000)
        isPulled = true
        return void response.end()
      }
      if (url.includes('/images/') && isPulled) return answer(200, {})
      if (url.includes('/containers/create')) {
        creates++
        return answer(409, { message: 'the name is in use' })
      }
      if (url.includes(`/containers/${spec().name}/json`)) {
        looks++
        // What was made by the other server is another installation's here: what is found ends the wait.
        const Labels = { 'sandbox-mcp.installation': 'theirs' }
        const made = {
          Id: 'made',
          Name: '/x',
          State: { Status: 'running' },
          Config: { Labels },
          Mounts: [],
        }
        if (creates > 1) return answer(200, made)
      }
      answer(404, { message: 'no such thing' })
    })
    const backend = new DockerBackend({}, (signal) => connectEngine(signal, candidates()))
    const opening = backend.open(spec(), { signal: never, report: () => {} })
    await expect(opening).rejects.toMatchObject({
      message: expect.stringContaining('another installation (theirs)'),
    })
    expect([creates, looks]).toEqual([2, 3])
  })

  test.each(['/images/', '/containers/create', '/info'])(
    'an engine that fails at %s is told in its own words, and is no defect of the server',
    async (call) => {
      await listen((request, response) => {
        const url = request.url ?? ''
        const status = url.includes(call) ? 500 : /\/containers\/.*\/json/.test(url) ? 404 : 200
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ message: 'no space left on device' }))
      })
      const backend = new DockerBackend({}, (signal) => connectEngine(signal, candidates()))
      const opening = backend.open(spec(), { signal: never, report: () => {} })
      await expect(opening).rejects.toMatchObject({
        code: 'SANDBOX_START_FAILED',
        message: expect.stringContaining('no space left on device'),
      })
    },
  )

  test('an image that is missing and cannot be pulled: the error says what to do', async () => {
    await listen((request, response) => {
      const answer = (status: number, body: unknown) => {
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(JSON.stringify(body))
      }
      if (request.url?.includes('_ping')) response.end('OK')
      else if (/\/(info|version)/.test(request.url ?? '')) answer(200, {})
      else if (request.url?.includes('/images/create')) {
        answer(200, { error: 'no such host: registry', errorDetail: {} })
      } else answer(404, { message: 'no such thing' })
    })
    const backend = new DockerBackend({ image: 'acme/nowhere:9' }, (signal) =>
      connectEngine(signal, candidates()),
    )
    const reports: string[] = []
    const opening = backend.open(spec(), { signal: never, report: (line) => reports.push(line) })
    await expect(opening).rejects.toMatchObject({
      code: 'SANDBOX_START_FAILED',
      message:
        'the image "acme/nowhere:9" is not on this machine and could not be pulled: no such host: registry',
      hint: expect.stringContaining('docker pull acme/nowhere:9'),
    })
    expect(reports[0]).toBe('pulling acme/nowhere:9')
    for (const check of backend.checks.slice(1)) {
      expect(await check.run(never)).toMatchObject({ ok: false, fix: 'docker pull acme/nowhere:9' })
    }
  })
})

test.each([
  ['the container', [new Error('connect ECONNREFUSED'), { Running: false, ExitCode: 0 }]],
  ['the exec', [{ status: 'running' }, new Error('no such exec')]],
])(
  'a command of which %s cannot be asked any more is lost, and no code is guessed',
  async (_, answers) => {
    const [container, exec] = answers.map((answer) => async () => {
      if (answer instanceof Error) throw answer
      return answer as never
    }) as [() => Promise<never>, () => Promise<never>]
    await expect(execExit('sbx-x', container, exec)).rejects.toMatchObject({
      code: 'SANDBOX_LOST',
      message: expect.stringMatching(/ECONNREFUSED|no such exec/),
    })
  },
)

test('frames are split wherever the connection cuts them', async () => {
  const frame = (stream: number, content: string) => {
    const header = Buffer.alloc(8)
    header[0] = stream
    header.writeUInt32BE(content.length, 4)
    return Buffer.concat([header, Buffer.from(content)])
  }
  const all = Buffer.concat([frame(1, 'one '), frame(2, 'err'), frame(1, ''), frame(1, 'two')])
  for (let size = 1; size <= all.length; size++) {
    const connection = new PassThrough()
    const channel = dockerChannel(connection, async () => 7)
    for (let at = 0; at < all.length; at += size) connection.write(all.subarray(at, at + size))
    connection.end()
    const [stdout, stderr, code] = await Promise.all([
      text(channel.stdout),
      text(channel.stderr),
      channel.exit,
    ])
    expect([stdout, stderr, code]).toEqual(['one two', 'err', 7])
  }
})
