/** The streams of one Docker exec, out of the one connection that the engine multiplexes them on. */
import { type Duplex, PassThrough, type Readable, type Writable } from 'node:stream'
import type { Channel } from '../../sandbox.ts'

/**
 * Splits an attached connection (8-byte headers: stream, 3 zeros, big-endian length; Docker Engine
 * API, "Attach to a container") into its streams. A reader that does not keep up slows the engine
 * down. `exitCode` is asked once the connection has ended and must reject rather than guess.
 */
export function dockerChannel(connection: Duplex, exitCode: () => Promise<number>): Channel {
  const stdout = new PassThrough({ highWaterMark: 256 * 1024 })
  const stderr = new PassThrough({ highWaterMark: 256 * 1024 })
  const split = splitFrames(connection, stdout, stderr)
  const exit = split.then(exitCode)
  exit.catch(() => {})
  return {
    stdin: connection as Writable,
    stdout,
    stderr,
    exit,
    close: () => connection.destroy(),
  }
}

async function splitFrames(source: Readable, stdout: PassThrough, stderr: PassThrough) {
  let header: Buffer = Buffer.alloc(0)
  let remaining = 0
  let target = stdout
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      let bytes = chunk
      while (bytes.length > 0) {
        if (remaining === 0) {
          const missing = 8 - header.length
          header = Buffer.concat([header, bytes.subarray(0, missing)])
          bytes = bytes.subarray(missing)
          if (header.length < 8) break
          target = header[0] === 2 ? stderr : stdout
          remaining = header.readUInt32BE(4)
          header = Buffer.alloc(0)
          continue
        }
        const part = bytes.subarray(0, remaining)
        bytes = bytes.subarray(part.length)
        remaining -= part.length
        if (!target.write(part) && !target.destroyed) await drained(target)
      }
    }
  } catch {
    // A connection that breaks is judged by `exitCode`, which asks the engine what happened.
  } finally {
    stdout.end()
    stderr.end()
  }
}

function drained(stream: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.once('drain', done)
    stream.once('close', done)
  })
}
