/** The built server in a container of its own, with the engine's socket, and a client that talks to it. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { PassThrough } from 'node:stream'
import Docker from 'dockerode'
import { images } from './available.ts'
import { entry } from './stdio-server.ts'

export interface ServerContainer {
  /** Calls the exec tool; resolves with the result's text. */
  exec(command: string): Promise<string>
  /** The sandbox's name, once it was told. */
  readonly sandbox: Promise<string>
  close(): Promise<void>
}

/** `binds` are as `docker run -v` takes them; the workspace is one of them, or not. */
export async function startServerContainer(
  binds: readonly string[],
  workspace: string,
): Promise<ServerContainer> {
  if (!existsSync(entry)) throw new Error('dist is not built: run "npm run build" first')
  const docker = new Docker()
  const socketPath = (process.env.DOCKER_HOST ?? '/var/run/docker.sock').replace(/^unix:\/\//, '')
  const checkout = join(dirname(entry), '..')
  const container = await docker.createContainer({
    Image: images.debian,
    Entrypoint: ['/opt/node', '/opt/sandbox-mcp/dist/main.js'],
    Cmd: ['--workspace', workspace, '--backend', 'docker', '--image', images.busybox],
    Env: ['XDG_STATE_HOME=/tmp/state', 'HOME=/tmp'],
    OpenStdin: true,
    StdinOnce: true,
    HostConfig: {
      NetworkMode: 'none',
      AutoRemove: true,
      Tmpfs: { '/memory': 'rw' },
      Binds: [
        `${process.execPath}:/opt/node:ro`,
        `${checkout}/dist:/opt/sandbox-mcp/dist:ro`,
        `${checkout}/package.json:/opt/sandbox-mcp/package.json:ro`,
        `${socketPath}:/var/run/docker.sock`,
        ...binds,
      ],
    },
  })
  const stream = await container.attach({
    ...{ stream: true, stdin: true, stdout: true, stderr: true, hijack: true },
  })
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  docker.modem.demuxStream(stream, stdout, stderr)
  stream.on('end', () => {
    stdout.end()
    stderr.end()
  })
  const answers = createInterface({ input: stdout })
  const log = createInterface({ input: stderr })
  const sandbox = nameOf(log)
  await container.start()

  let requests = 0
  const ask = async (method: string, params: object) => {
    const id = ++requests
    stream.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    return answerTo(id, answers)
  }
  await ask('initialize', {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  })
  stream.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`)
  return {
    async exec(command) {
      const { content } = await ask('tools/call', { name: 'exec', arguments: { command } })
      return content.map(({ text }) => text).join('\n')
    },
    sandbox,
    async close() {
      await container.remove({ force: true }).catch(() => {})
      answers.close()
      log.close()
    },
  }
}

function answerTo(id: number, lines: Interface) {
  return new Promise<{ content: { text: string }[] }>((resolve, reject) => {
    const read = (line: string) => {
      const message = JSON.parse(line)
      if (message.id !== id) return
      lines.off('line', read)
      if (message.error === undefined) resolve(message.result)
      else reject(new Error(message.error.message))
    }
    lines.on('line', read)
    lines.once('close', () => reject(new Error('the server ended')))
  })
}

function nameOf(log: Interface): Promise<string> {
  return new Promise((resolve) => {
    const said: string[] = []
    log.on('line', (line) => {
      said.push(line)
      const name = /sandbox (sbx-[a-z0-9]{15})/.exec(line)?.[1]
      if (name !== undefined) resolve(name)
    })
    log.once('close', () => resolve(said.join('\n')))
  })
}
