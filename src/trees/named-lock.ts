/**
 * Locks of this machine, by name. The kernel holds one and drops it when its holder ends, however it ends: on Linux an
 * abstract socket name (it belongs to no directory, user or file system), on macOS and the BSDs an flock taken while
 * opening, on Windows a pipe name. So there are no stale locks to detect. Processes in different network namespaces do
 * not see each other's.
 *
 * Where it is a socket, a lock that was let go of is kept for a moment, because who changed one file changes another,
 * and is given away as soon as another process asks for it, which connecting to it is.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errnoOf } from './host-failure.ts'

/** Lets go of the lock. To be called once. */
export type Unlock = () => void

/** How long a lock is kept that nobody asks for. A process that is stopped in that time keeps it until it goes on. */
const keptMs = 20
/** A process that keeps a lock gives it away by then, unless it is stopped. */
const givenMs = 50

/** Those of this process, in use or kept. */
const mine = new Map<string, SocketLock>()

/**
 * Takes the lock; undefined while another holds it, after asking for it for `askMs` at most. To be called for one name
 * by one at a time in this process, and not while it has that lock.
 */
export async function tryLock(name: string, askMs = givenMs): Promise<Unlock | undefined> {
  if (process.platform !== 'linux' && process.platform !== 'win32') {
    return lockFile(join(tmpdir(), name.replaceAll('.', '')))
  }
  const kept = mine.get(name)
  if (kept !== undefined) return kept.use()
  const path = process.platform === 'linux' ? `\0${name}` : `\\\\.\\pipe\\${name}`
  const lock = await SocketLock.claim(name, path)
  if (lock !== undefined) return lock.use()
  await asked(path, Math.min(askMs, givenMs))
  return (await SocketLock.claim(name, path))?.use()
}

class SocketLock {
  readonly #name: string
  readonly #server: Server
  readonly #timer: NodeJS.Timeout
  #isUsed = true
  #isAskedFor = false

  private constructor(name: string, server: Server) {
    this.#name = name
    this.#server = server
    // Neither it nor its timer keeps a process alive, which has the lock until it ends.
    server.unref()
    this.#timer = setTimeout(() => this.#drop(), keptMs).unref()
    mine.set(name, this)
  }

  /** Undefined when another process has it. */
  static claim(name: string, path: string): Promise<SocketLock | undefined> {
    return new Promise((resolve, reject) => {
      let lock: SocketLock | undefined
      const server = createServer((stranger) => {
        // The name is free before the stranger hears that it was heard.
        if (lock !== undefined) lock.#asked()
        stranger.destroy()
      })
      server.on('error', (error) => {
        if (errnoOf(error) === 'EADDRINUSE') resolve(undefined)
        else reject(error)
      })
      server.listen({ path, exclusive: true }, () => {
        lock = new SocketLock(name, server)
        resolve(lock)
      })
    })
  }

  use(): Unlock {
    this.#isUsed = true
    return () => {
      this.#isUsed = false
      if (this.#isAskedFor) this.#drop()
      else this.#timer.refresh()
    }
  }

  #asked(): void {
    this.#isAskedFor = true
    this.#drop()
  }

  #drop(): void {
    if (this.#isUsed) return
    clearTimeout(this.#timer)
    mine.delete(this.#name)
    // It frees the name before it returns.
    this.#server.close()
  }
}

/** Resolves when the holder has heard that somebody waits, or is gone; after `ms` in any case. */
function asked(path: string, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const stranger = connect({ path })
    const timer = setTimeout(() => stranger.destroy(), ms)
    stranger.on('error', () => {})
    stranger.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** Flag of macOS and the BSDs that Node does not name: flock the file in opening it. */
const O_EXLOCK = 0x20

function lockFile(path: string): Unlock | undefined {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK | O_EXLOCK
  try {
    const descriptor = openSync(path, flags, 0o600)
    return () => closeSync(descriptor)
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return undefined
    throw error
  }
}
