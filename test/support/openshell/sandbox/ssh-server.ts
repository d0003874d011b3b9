/**
 * The SSH server of a sandbox, with the manners of the real one: anybody is let in, environment and
 * signals are acknowledged and ignored, nothing is killed when a channel or a connection ends, and all
 * that is sent on a connection waits for the slowest reader of its channels.
 */
import { connect, type Socket } from 'node:net'
import ssh2, { type Connection, type ServerChannel, type Session } from 'ssh2'
import { endOf, startCommand } from './command.ts'
import type { MainProcess } from './main-process.ts'
import { Outbox } from './outbox.ts'
import type { SupervisorSettings } from './settings.ts'

// The real server sends none; ssh2 does unless told otherwise for all of its servers.
;(ssh2.Server as unknown as { KEEPALIVE_CLIENT_INTERVAL: number }).KEEPALIVE_CLIENT_INTERVAL = 0

const sftpServer = '/usr/lib/openssh/sftp-server'

export class SshConnections {
  readonly #server: ssh2.Server
  readonly #settings: () => SupervisorSettings
  readonly #main: MainProcess | undefined

  constructor(settings: () => SupervisorSettings, main: MainProcess | undefined) {
    this.#settings = settings
    this.#main = main
    this.#server = new ssh2.Server({ hostKeys: [newHostKey()] }, (client) => this.#accept(client))
  }

  serve(socket: Socket): void {
    ;(this.#server as unknown as { injectSocket(socket: Socket): void }).injectSocket(socket)
  }

  #accept(client: Connection): void {
    const { _sock: socket } = client as unknown as { readonly _sock: Socket }
    const tearDown = () => socket.destroy()
    let idle: NodeJS.Timeout | undefined
    const heard = () => {
      clearTimeout(idle)
      idle = setTimeout(tearDown, this.#settings().inactivityMs)
    }
    socket.on('data', heard)
    socket.on('close', () => clearTimeout(idle))
    heard()
    const outbox = new Outbox()
    client.on('error', tearDown)
    client.on('close', () => outbox.close())
    client.on('authentication', (context) => {
      if (context.method === 'none' || context.method === 'publickey') context.accept()
      else context.reject(['none', 'publickey'])
    })
    client.on('request', (_accept, reject) => reject?.())
    client.on('tcpip', (accept, reject, { destIP, destPort }) => {
      if (!/^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(destIP)) return reject()
      const channel = accept()
      const target = connect(destPort, destIP)
      target.on('error', () => channel.close())
      channel.on('error', () => target.destroy())
      channel.pipe(target).pipe(channel)
    })
    client.on('session', (accept) => this.#session(accept(), outbox, tearDown))
  }

  #session(session: Session, outbox: Outbox, tearDown: () => void): void {
    let term: string | undefined
    session.on('pty', (accept, _reject, info) => {
      term = (info as { term?: string }).term || 'xterm-256color'
      accept?.()
    })
    session.on('window-change', (accept) => accept?.())
    session.on('env', (accept) => accept?.())
    session.on('signal', (accept) => accept?.())
    session.on('exec', (accept, _reject, { command }) => {
      const channel = accept()
      // An empty command is acknowledged, and nothing ever comes of it.
      if (command.trim() === '') return void channel.resume()
      this.#run(channel, command.trim(), term, outbox, tearDown)
    })
    session.on('shell', (accept) => this.#run(accept(), undefined, term, outbox, tearDown))
    session.on('subsystem', (accept, reject, { name }) => {
      if (name === 'sftp') this.#run(accept(), sftpServer, undefined, outbox, tearDown)
      else if (name === 'openshell-main' && this.#main !== undefined) {
        attach(accept(), this.#main, outbox)
      } else reject?.()
    })
  }

  #run(
    channel: ServerChannel,
    command: string | undefined,
    term: string | undefined,
    outbox: Outbox,
    tearDown: () => void,
  ): void {
    const settings = this.#settings()
    const early: Buffer[] = []
    const keep = (data: Buffer) => early.push(data)
    let inputEnded = false
    channel.on('data', keep)
    channel.on('end', () => {
      inputEnded = true
    })
    channel.on('error', () => {})
    startCommand(settings, command, term).then(
      (child) => {
        channel.off('data', keep)
        let lost = false
        child.stdin.on('error', () => {
          lost = true
        })
        const input = (data: Buffer) => {
          // What is sent to a process that reads no more ends the channel, without an exit status.
          if (lost && settings.closesOnLostInput) {
            outbox.say(channel, 'openshell: process stdin closed; closing attachment\n')
            outbox.closeChannel(channel)
          } else child.stdin.write(data)
        }
        for (const data of early) input(data)
        channel.on('data', input)
        if (inputEnded) child.stdin.end()
        channel.on('end', () => child.stdin.end())
        channel.on('close', () => child.stdin.end())
        const outputs = [
          outbox.forward(child.stdout, channel, 'stdout'),
          outbox.forward(child.stderr, channel, 'stderr'),
        ] as const
        void endOf(child, outputs).then((code) => outbox.finish(channel, code))
      },
      // What cannot be started takes the whole connection with it.
      tearDown,
    )
  }
}

/** Of the ed25519 keys that ssh2 makes one in some hundred is malformed, and no server starts with it. */
function newHostKey(): string {
  for (;;) {
    const { private: key } = ssh2.utils.generateKeyPairSync('ed25519')
    if (!(ssh2.utils.parseKey(key) instanceof Error)) return key
  }
}

function attach(channel: ServerChannel, { child, printed }: MainProcess, outbox: Outbox): void {
  channel.on('error', () => {})
  channel.on('data', (data: Buffer) => child.stdin?.write(data))
  for (const data of printed) void outbox.data(channel, data, 'stdout')
  child.stdout?.on('data', (data: Buffer) => void outbox.data(channel, data, 'stdout'))
  child.stderr?.on('data', (data: Buffer) => void outbox.data(channel, data, 'stderr'))
  child.on('exit', (code) => outbox.finish(channel, code ?? 1))
}
