/** `ExecSandbox`: a command over the sandbox's own SSH server, in a login shell. */

import type { Socket } from 'node:net'
import { Client, type ClientChannel } from 'ssh2'
import { type ExecEvent, type ExecRequest, Status } from '../protocol.ts'

/** Resolves when the last event has been told. The command outlives a timeout, which tells 124. */
export function execInSandbox(
  socket: Socket,
  request: ExecRequest,
  tell: (event: ExecEvent) => void,
): Promise<void> {
  const client = new Client()
  return new Promise((resolve) => {
    let told = false
    const finish = (event: ExecEvent) => {
      if (!told) tell(event)
      told = true
      client.end()
      socket.destroy()
      resolve()
    }
    const lost = () =>
      finish({
        error: {
          code: 'Unavailable',
          message: 'exec relay closed before the command reported an exit status',
        },
      })
    if (request.timeoutSeconds > 0) {
      setTimeout(() => finish({ exit: 124 }), request.timeoutSeconds * 1000).unref()
    }
    client.on('error', lost)
    client.on('close', lost)
    client.on('ready', () => {
      client.exec(commandText(request), (error, channel) => {
        if (error) return lost()
        follow(channel, tell, finish)
        channel.end(Buffer.from(request.stdin, 'base64'))
      })
    })
    client.connect({ sock: socket, username: 'sandbox' })
  })
}

function follow(
  channel: ClientChannel,
  tell: (event: ExecEvent) => void,
  finish: (event: ExecEvent) => void,
): void {
  channel.on('data', (data: Buffer) => tell({ stdout: data.toString('base64') }))
  channel.stderr.on('data', (data: Buffer) => tell({ stderr: data.toString('base64') }))
  let code: number | undefined
  channel.on('exit', (status: number) => {
    code = status
  })
  channel.on('close', () => {
    if (code !== undefined) finish({ exit: code })
  })
}

function commandText({ command, workdir, environment }: ExecRequest): string {
  const assignments = Object.entries(environment)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${quote(value)}`)
  const words = [...assignments, ...command.map(quote)].join(' ')
  const text = workdir === '' ? words : `cd ${quote(workdir)} && ${words}`
  if (text.length > 256 * 1024) {
    throw new Status('InvalidArgument', 'command construction failed: assembled command too long')
  }
  return text
}

const quote = (word: string) => `'${word.replaceAll("'", `'"'"'`)}'`
