/**
 * All that goes through it, one thing after the other. When it serves a whole connection, a client that
 * stops reading one channel exhausts its window, and then everything behind it waits, on every channel.
 */
import type { Readable } from 'node:stream'
import type { ServerChannel } from 'ssh2'

type Stream = 'stdout' | 'stderr'

interface Internals {
  readonly outgoing: { readonly id: number; readonly state: string }
  readonly _client: { readonly _protocol: { exitStatus(channel: number, code: number): void } }
}

const chunkBytes = 4096

export class Outbox {
  #last: Promise<void> = Promise.resolve()
  #closed: (() => void) | undefined
  /** Resolves when the client is gone: nobody waits for it any more. */
  readonly #gone = new Promise<void>((resolve) => {
    this.#closed = resolve
  })

  /** Sends what `source` prints, in small pieces; resolves when it has ended and all of it is sent. */
  async forward(source: Readable, channel: ServerChannel, stream: Stream): Promise<void> {
    try {
      for await (const chunk of source as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; at += chunkBytes) {
          await this.data(channel, chunk.subarray(at, at + chunkBytes), stream)
        }
      }
    } catch {
      // A pipe that breaks has ended.
    }
  }

  /** Resolves when it is sent, or the channel is gone: then it is dropped. */
  data(channel: ServerChannel, chunk: Buffer, stream: Stream): Promise<void> {
    return this.#next(channel, async () => {
      const target = stream === 'stdout' ? channel : channel.stderr
      await new Promise<void>((resolve) => {
        channel.once('close', resolve)
        target.write(chunk, () => {
          channel.off('close', resolve)
          resolve()
        })
      })
    })
  }

  say(channel: ServerChannel, text: string): void {
    void this.data(channel, Buffer.from(text), 'stderr')
  }

  /** The end of a command: end of file, exit status, close. */
  finish(channel: ServerChannel, code: number): void {
    void this.#next(channel, async () => {
      channel.eof()
      // ssh2 itself sends no status once it has sent the end of file.
      const { _client, outgoing } = channel as unknown as Internals
      _client._protocol.exitStatus(outgoing.id, code)
      channel.close()
    })
  }

  closeChannel(channel: ServerChannel): void {
    void this.#next(channel, async () => {
      channel.close()
    })
  }

  /** The client is gone. */
  close(): void {
    this.#closed?.()
  }

  #next(channel: ServerChannel, send: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(async () => {
      if ((channel as unknown as Internals).outgoing.state !== 'open') return
      await Promise.race([send(), this.#gone])
    })
    return this.#last
  }
}
