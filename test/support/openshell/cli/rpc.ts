/** Calls of the gateway. What keeps a call from being made fails as tonic's chain of causes. */
import { type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Knobs, Status } from '../protocol.ts'
import type { Gateway } from './gateways.ts'
import { Failure, statusText } from './report.ts'

export class Rpc {
  readonly gateway: Gateway
  readonly #knobs: Knobs

  constructor(gateway: Gateway, knobs: Knobs) {
    this.gateway = gateway
    this.#knobs = knobs
  }

  /** Throws `Failure` as the program reports it, unless the caller wants the `Status` itself. */
  async call<T>(method: string, body: object): Promise<T> {
    try {
      return await this.callRaw<T>(method, body)
    } catch (error) {
      throw this.failure(error)
    }
  }

  /** Throws `Status` for a refusal. */
  async callRaw<T>(method: string, body: object): Promise<T> {
    const response = await this.#post(`/rpc/${method}`, body)
    const answer = JSON.parse((await collect(response)).toString())
    if (response.statusCode !== 200) throw new Status(answer.code, answer.message)
    return answer
  }

  /** The events of a stream, one JSON value a line. */
  async *stream<T>(path: string, body: object): AsyncGenerator<T> {
    const response = await this.#post(path, body)
    if (response.statusCode !== 200) {
      const { code, message } = JSON.parse((await collect(response)).toString())
      throw this.failure(new Status(code, message))
    }
    let rest = ''
    response.setEncoding('utf8')
    try {
      for await (const text of response) {
        const lines = `${rest}${text}`.split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) yield JSON.parse(line)
      }
    } catch {
      // The gateway went away: the stream ends.
    }
  }

  /** Bytes to and from the SSH server of a sandbox. */
  forward(body: { id: string; token: string }): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const made = request(new URL('/forward', this.gateway.endpoint), {
        method: 'POST',
        headers: {
          connection: 'upgrade',
          upgrade: 'relay',
          'x-forward': JSON.stringify({ ...body, pid: process.pid }),
        },
      })
      made.on('upgrade', (_response, socket, head) => {
        if (head.length > 0) socket.unshift(head)
        resolve(socket)
      })
      made.on('response', (response) => {
        collect(response).then((bytes) => {
          const { code, message } = JSON.parse(bytes.toString())
          reject(this.failure(new Status(code, message)))
        }, reject)
      })
      made.on('error', (error) => reject(connectFailure(error)))
      made.end()
    })
  }

  failure(error: unknown): unknown {
    return error instanceof Status ? new Failure(statusText(error, this.#knobs.oldErrors)) : error
  }

  #post(path: string, body: object): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      let url: URL
      try {
        url = new URL(path, this.gateway.endpoint)
      } catch {
        reject(new Failure('transport error', ['invalid URI']))
        return
      }
      if (url.protocol === 'https:') {
        const place = `${process.env.XDG_CONFIG_HOME ?? ''}/openshell/gateways/${this.gateway.name.replaceAll(/[^\w.-]/g, '_')}`
        reject(
          new Failure(`failed to read TLS CA from ${place}/mtls/ca.crt`, [
            'No such file or directory (os error 2)',
          ]),
        )
        return
      }
      const made = request(url, { method: 'POST' }, resolve)
      made.on('error', (error) => reject(connectFailure(error)))
      made.end(JSON.stringify(body))
    })
  }
}

/** Tonic repeats the inner text of its connect error. */
function connectFailure(error: NodeJS.ErrnoException): Failure {
  const refused = error.code === 'ECONNREFUSED'
  return new Failure('transport error', [
    'tcp connect error',
    'tcp connect error',
    refused ? 'Connection refused (os error 111)' : `${error.message}`,
  ])
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
