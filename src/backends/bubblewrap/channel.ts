/**
 * One script's way in and out: four FIFOs, and the process inside that waits at them.
 *
 * A handler is started before there is a script for it. It has opened its FIFOs and waits for a line
 * on stdin; then it runs the script, and tells the exit code on a FIFO of its own. FIFOs and not
 * sockets, because scripts open /dev/stdout and /dev/stderr again, which no socket allows.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  openSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { sandboxLost } from '../../errors.ts'
import type { Channel } from '../../sandbox.ts'

/** The FIFOs of a channel, by the end of their names. */
export const fifoKinds = ['in', 'out', 'err', 'exit'] as const

/** In bytes: a handler says a letter, and then an exit code. More comes from something else inside. */
const longestSaid = 64

/** Host directory of a connection, and the numbers that the sandbox's processes have. */
export interface ChannelPlace {
  readonly sandbox: string
  readonly directory: string
  readonly uid: number
  readonly gid: number
}

/**
 * Opens a FIFO without waiting for its other end. Refuses everything else: a link, a file, a device.
 */
export function openFifo(path: string, access: 'read' | 'write'): number {
  const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = constants
  const mode = access === 'read' ? O_RDONLY : O_WRONLY
  const fd = openSync(path, mode | O_NONBLOCK | O_NOFOLLOW)
  if (fstatSync(fd).isFIFO()) return fd
  closeSync(fd)
  throw new Error(`${path} is not a FIFO`)
}

/** A handler inside, from the moment its FIFOs are open on this side. Runs one script at most. */
export class Handler {
  /** Settles with whether it can take a script now. */
  readonly ready: Promise<boolean>
  /** Settles when it has ended, or was let go of. */
  readonly ended: Promise<void>
  readonly #place: ChannelPlace
  readonly #path: string
  readonly #stdin: number
  readonly #stdout: number
  readonly #stderr: number
  readonly #exit: Socket
  /** Hold the other ends until the handler has opened its own: a FIFO without them is at its end. */
  #keepers: number[]
  #said = ''
  #used = false
  #channel: Channel | undefined

  constructor(place: ChannelPlace, id: string) {
    this.#place = place
    this.#path = join(place.directory, id)
    const opened: number[] = []
    const open = (kind: (typeof fifoKinds)[number], access: 'read' | 'write') => {
      opened.push(openFifo(`${this.#path}.${kind}`, access))
      return opened.at(-1) as number
    }
    try {
      const readingEnd = open('in', 'read')
      this.#stdin = open('in', 'write')
      this.#stdout = open('out', 'read')
      this.#stderr = open('err', 'read')
      const exit = open('exit', 'read')
      this.#keepers = [readingEnd, open('exit', 'write')]
      this.#exit = new Socket({ fd: exit, readable: true, writable: false }).unref()
    } catch (error) {
      opened.forEach(closeSync)
      throw error
    }
    this.ended = new Promise((resolve) => this.#exit.once('close', () => resolve()))
    this.ready = new Promise((resolve) => {
      this.#exit
        .on('error', () => {})
        .on('data', (bytes: Buffer) => {
          if (this.#said.length + bytes.length > longestSaid) return this.close()
          this.#said += bytes.toString('latin1')
          if (this.#keepers.length > 0) this.#releaseNames()
          resolve(this.#said === 's\n')
        })
      this.#exit.once('close', () => resolve(false))
    })
  }

  /** Starts the script; undefined when the handler is gone, and so nothing was started. */
  run(script: string): Channel | undefined {
    if (this.#used) return undefined
    try {
      this.#writeScript(script)
      writeSync(this.#stdin, 'go\n')
    } catch (error) {
      this.close()
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') return undefined
      throw error
    }
    this.#used = true
    this.#exit.ref()
    const stdin = new Socket({ fd: this.#stdin, readable: false, writable: true })
    const stdout = new Socket({ fd: this.#stdout, readable: true, writable: false })
    const stderr = new Socket({ fd: this.#stderr, readable: true, writable: false })
    const streams = [stdin, stdout, stderr]
    for (const stream of streams) stream.on('error', () => {})

    let release: () => void = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const complete = Promise.all([this.ended, closed(stdout), closed(stderr)])
    const exit = Promise.race([complete, released]).then(() => {
      stdin.destroy()
      const code = /^s\ne(\d+)\n$/.exec(this.#said)?.[1]
      if (code !== undefined) return Number(code)
      throw sandboxLost(this.#place.sandbox, 'it ended before the command did, or was closed')
    })
    exit.catch(() => {})
    const close = () => {
      for (const stream of streams) stream.destroy()
      // The script may not even have been read yet: its end is still watched for, to remove it.
      this.#exit.unref()
      release()
    }
    this.#channel = { stdin, stdout, stderr, exit, close }
    return this.#channel
  }

  /** Lets go of the handler and its channel. One that waits for a script ends by that. */
  close(): void {
    this.#channel?.close()
    this.#exit.destroy()
    if (!this.#used) for (const fd of [this.#stdin, this.#stdout, this.#stderr]) closeSync(fd)
    this.#used = true
    if (this.#keepers.length > 0) this.#releaseNames()
    remove(`${this.#path}.sh`)
  }

  #releaseNames(): void {
    this.#keepers.forEach(closeSync)
    this.#keepers = []
    for (const kind of fifoKinds) remove(`${this.#path}.${kind}`)
  }

  #writeScript(script: string): void {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
    const fd = openSync(`${this.#path}.sh`, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    try {
      const bytes = Buffer.from(script)
      let written = 0
      while (written < bytes.length) written += writeSync(fd, bytes, written)
      if (process.getuid?.() === 0) fchownSync(fd, this.#place.uid, this.#place.gid)
    } finally {
      closeSync(fd)
    }
    this.ended.then(() => remove(`${this.#path}.sh`)).catch(() => {})
  }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It is gone already, or goes with its directory.
  }
}
