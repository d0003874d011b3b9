/** A client of the double for its own tests: calls of the program, and SSH connections through its proxy. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { Duplex } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { execa } from 'execa'
import ssh2, { type Client, type ClientChannel } from 'ssh2'
import type { Ran } from './argument-table.ts'
import type { OpenShellDouble } from './double.ts'

export interface RunOptions {
  readonly input?: string | Uint8Array
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

export class OpenShellClient {
  readonly double: OpenShellDouble
  /** The program: the double's own, or a real one. */
  readonly command: string

  constructor(double: OpenShellDouble, command = double.command) {
    this.double = double
    this.command = command
  }

  async run(args: readonly string[], { input = '', cwd, env }: RunOptions = {}): Promise<Ran> {
    const options = {
      env: { ...this.double.env, ...env },
      reject: false,
      stripFinalNewline: false,
      ...(cwd === undefined ? {} : { cwd }),
    } as const
    const { exitCode, stdout, stderr } = await execa(this.command, args, { ...options, input })
    return { exitCode, stdout, stderr }
  }

  /** The words of `line` as arguments; what it fails with, unwrapped and without glyphs and colours. */
  async say(line: string, options?: RunOptions): Promise<Ran & { readonly failure: string }> {
    const ran = await this.run(line.split(' '), options)
    return { ...ran, failure: plain(ran.stderr) }
  }

  /** Makes a sandbox that is Ready. */
  async create(name: string, ...more: string[]): Promise<void> {
    const { exitCode, stderr } = await this.run([
      'sandbox',
      'create',
      '--name',
      name,
      '-o',
      'json',
      ...more,
    ])
    if (exitCode !== 0) throw new Error(stderr)
  }

  async phase(name: string): Promise<string> {
    const { stdout, failure } = await this.say(`sandbox get ${name} -o json`)
    return stdout === '' ? failure : JSON.parse(stdout).phase
  }

  /** An SSH connection of its own; rejects when there is none. */
  async connect(name: string): Promise<Connection> {
    const args = ['ssh-proxy', '--gateway-name', this.double.gateway, '--name', name]
    const proxy = spawn(this.command, args, { env: { ...process.env, ...this.double.env } })
    return Connection.open(proxy)
  }
}

/** Text as a client has to match it: without colours, glyphs and line ends. */
export const plain = (text: string) =>
  stripVTControlCharacters(text)
    .replaceAll(/[×│├─▶╰]/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()

export interface Executed {
  /** Undefined when the channel ended without a status. */
  readonly code: number | undefined
  readonly signal: string | undefined
  readonly stdout: string
  readonly stderr: string
}

export class Connection {
  readonly client: Client
  readonly proxy: ChildProcessWithoutNullStreams
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>

  private constructor(client: Client, proxy: ChildProcessWithoutNullStreams) {
    this.client = client
    this.proxy = proxy
    this.closed = new Promise((resolve) => client.once('close', () => resolve()))
  }

  static open(proxy: ChildProcessWithoutNullStreams): Promise<Connection> {
    const client = new ssh2.Client()
    const connection = new Connection(client, proxy)
    let errors = ''
    proxy.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text
    })
    const socket = Duplex.from({ readable: proxy.stdout, writable: proxy.stdin })
    socket.on('error', () => {})
    proxy.stdin.on('error', () => {})
    return new Promise((resolve, reject) => {
      client.once('ready', () => resolve(connection))
      client.on('error', () => {})
      proxy.once('close', (code) => reject(new Error(`${code}: ${plain(errors)}`)))
      client.connect({ sock: socket, username: 'anybody' })
    })
  }

  start(command: string): Promise<ClientChannel> {
    return new Promise((resolve, reject) =>
      this.client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel))),
    )
  }

  /** Runs a command to its end. */
  async exec(command: string, input: string | Uint8Array = ''): Promise<Executed> {
    const channel = await this.start(command)
    channel.end(input)
    return finished(channel)
  }

  async end(): Promise<void> {
    this.client.end()
    await this.closed
    this.proxy.kill('SIGKILL')
  }
}

function finished(channel: ClientChannel): Promise<Executed> {
  const text = { stdout: '', stderr: '' }
  channel.on('data', (data: Buffer) => {
    text.stdout += data.toString('latin1')
  })
  channel.stderr.on('data', (data: Buffer) => {
    text.stderr += data.toString('latin1')
  })
  let end: { code: number | undefined; signal: string | undefined } | undefined
  channel.on('exit', (code: number | null, signal?: string) => {
    end = { code: code ?? undefined, signal }
  })
  return new Promise((resolve) =>
    channel.on('close', () => resolve({ code: end?.code, signal: end?.signal, ...text })),
  )
}
