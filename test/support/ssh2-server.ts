/**
 * An SSH server in this process, ssh2's own, that is less obliging than OpenSSH's: it passes on neither
 * signals nor environments, has no terminals, and misbehaves when it is told to.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ssh2, { type Connection, type ServerChannel } from 'ssh2'
import type { Account, SshSettings } from '../../src/backends/ssh/destination.ts'
import { Outbox } from './openshell/sandbox/outbox.ts'

export interface Ssh2ServerOptions {
  /** Run by the login shell before any command, as a start-up file is. */
  readonly profile?: string
  /** Sessions on one connection. */
  readonly channels?: number
  /** False for an account that may not run commands. */
  readonly commands?: boolean
}

export class Ssh2Server {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-ssh2-')))
  // Of the ed25519 keys that ssh2 makes one in some hundred is malformed.
  readonly #key = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 })
  readonly #hostKey = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 })
  readonly #sockets = new Set<Socket>()
  readonly #children = new Set<ChildProcess>()
  readonly #listener = createServer()
  readonly #options: Ssh2ServerOptions
  /** Connections that were made so far. */
  connections = 0
  /** How many of the next connections end without a word. */
  refusals = 0
  /** Whether keys are refused. */
  closed = false
  /** Whether connections are accepted, and nothing is read from them. */
  mute = false

  private constructor(options: Ssh2ServerOptions) {
    this.#options = options
    mkdirSync(join(this.folder, 'home'))
    const server = new ssh2.Server({ hostKeys: [this.#hostKey.private] }, (client) =>
      this.#serve(client),
    )
    this.#listener.on('connection', (socket) => {
      this.connections += 1
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      socket.on('error', () => {})
      if (this.mute) return
      if (this.refusals === 0) return server.injectSocket(socket)
      this.refusals -= 1
      socket.destroy()
    })
  }

  static async start(options: Ssh2ServerOptions = {}): Promise<Ssh2Server> {
    const server = new Ssh2Server(options)
    await new Promise<void>((resolve) => server.#listener.listen(0, '127.0.0.1', resolve))
    return server
  }

  get port(): number {
    return (this.#listener.address() as { port: number }).port
  }

  get settings(): SshSettings {
    return {
      target: `somebody@127.0.0.1:${this.port}`,
      workspaceRoot: join(this.folder, 'sandboxes'),
      identityData: this.#key.private,
      knownHostsData: `[127.0.0.1]:${this.port} ${this.#hostKey.public}`,
    }
  }

  get account(): Account {
    return { home: join(this.folder, 'home'), user: 'nobody' }
  }

  /** Cuts every connection without a word. What runs goes on, and nobody hears it. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Reads nothing more from the connections there are, and lets them stand. */
  stopReading(): void {
    for (const socket of this.#sockets) socket.pause()
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#listener.close(resolve))
    this.drop()
    for (const child of this.#children) child.kill('SIGKILL')
    await ended
    rmSync(this.folder, { recursive: true, force: true })
  }

  #serve(client: Connection): void {
    let channels = 0
    client.on('error', () => {})
    client.on('authentication', (attempt) => {
      if (attempt.method !== 'publickey' || this.closed) return attempt.reject(['publickey'])
      const key = ssh2.utils.parseKey(this.#key.public)
      if (key instanceof Error) throw key
      const same = key.getPublicSSH().equals(attempt.key.data)
      const { blob, signature } = attempt
      const signed =
        signature === undefined || (blob !== undefined && key.verify(blob, signature) === true)
      if (same && signed) attempt.accept()
      else attempt.reject(['publickey'])
    })
    client.on('session', (accept, reject) => {
      if (channels === (this.#options.channels ?? 10)) return reject()
      channels += 1
      const session = accept()
      session.once('close', () => {
        channels -= 1
      })
      session.on('exec', (acceptExec, rejectExec, { command }) => {
        if (this.#options.commands === false) rejectExec()
        else this.#run(acceptExec(), command)
      })
    })
  }

  #run(channel: ServerChannel, command: string): void {
    const script = `${this.#options.profile ?? ':'}\n${command}`
    const child = spawn('sh', ['-c', script], {
      cwd: join(this.folder, 'home'),
      env: { PATH: process.env.PATH, HOME: join(this.folder, 'home') },
      detached: true,
    })
    this.#children.add(child)
    channel.on('error', () => {})
    child.stdin.on('error', () => {})
    channel.pipe(child.stdin)
    // When both streams of a channel wait for its window, ssh2 goes on with one of them and forgets the other.
    const outbox = new Outbox()
    const sent = Promise.all([
      outbox.forward(child.stdout, channel, 'stdout'),
      outbox.forward(child.stderr, channel, 'stderr'),
    ])
    child.once('exit', async (code, signal) => {
      this.#children.delete(child)
      await sent
      if (signal === null) channel.exit(code ?? 0)
      else channel.exit(signal.replace(/^SIG/, ''))
      channel.end()
    })
    channel.once('close', () => {
      outbox.close()
      child.stdin.destroy()
    })
  }
}
