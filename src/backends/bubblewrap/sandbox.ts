/**
 * A connection to the holder of a sandbox. Any number of servers have one each at the same time.
 */
import { randomBytes } from 'node:crypto'
import { closeSync } from 'node:fs'
import { access, mkdir, readdir, writeFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import {
  commandNotStarted,
  type SandboxError,
  sandboxLost,
  sandboxStartFailed,
} from '../../errors.ts'
import { isAlive } from '../../process-identity.ts'
import type { Channel, Sandbox } from '../../sandbox.ts'
import { type ChannelPlace, type Handler, openFifo } from './channel.ts'
import { connectionName, connectionOwner, directoryMode, removeDirectory } from './directory.ts'
import { HandlerPool, type Numbers } from './handlers.ts'

/** Handlers can be killed from inside while they wait; this many in a row are no accident. */
const attemptsToStart = 3
/** In the directory of a connection whose server has found that it is to have this sandbox. */
const acceptedFile = 'accepted'

export class BubblewrapSandbox implements Sandbox {
  readonly kind = 'bubblewrap'
  readonly name: string
  readonly root: string
  readonly stale?: string
  readonly #place: ChannelPlace
  readonly #requests: number
  readonly #alive: Socket
  readonly #handlers: HandlerPool
  /** Those that run a script. */
  readonly #running = new Set<Handler>()
  #ended = false

  private constructor(
    root: string,
    place: ChannelPlace,
    requests: number,
    alive: number,
    stale: string | undefined,
  ) {
    this.name = place.sandbox
    this.root = root
    if (stale !== undefined) this.stale = stale
    this.#place = place
    this.#requests = requests
    this.#handlers = new HandlerPool(place, requests)
    // Nothing is ever said on it once the holder is ready; its end is what is waited for.
    this.#alive = new Socket({ fd: alive, readable: true, writable: false }).unref()
    this.#alive.on('error', () => {}).resume()
    this.#alive.once('close', () => this.#end(sandboxLost(this.name, 'its holder ended')))
  }

  /**
   * Connects to the holder at `directory`; undefined when there is none. The caller has made sure
   * that the directory is ours.
   */
  static async connect(
    name: string,
    root: string,
    directory: string,
    owner: Numbers,
    stale?: string,
  ) {
    const own = join(directory, connectionName(randomBytes(6).toString('hex')))
    const place = { sandbox: name, directory: own, ...owner }
    const opened: number[] = []
    try {
      opened.push(openFifo(join(directory, 'requests'), 'write'))
      opened.push(openFifo(join(directory, 'alive'), 'read'))
      await mkdir(own, { mode: directoryMode() })
    } catch (error) {
      opened.forEach(closeSync)
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENXIO' || code === 'ENOENT') return undefined
      throw error
    }
    const [requests, alive] = opened as [number, number]
    return new BubblewrapSandbox(root, place, requests, alive, stale)
  }

  async start(script: string, signal: AbortSignal): Promise<Channel> {
    for (let attempt = 1; attempt <= attemptsToStart; attempt++) {
      const handler = await this.#handlers.take(signal)
      try {
        const channel = handler.run(script)
        if (channel === undefined) continue
        this.#running.add(handler)
        void handler.ended.then(() => this.#running.delete(handler))
        return channel
      } catch (error) {
        const reason = `its script cannot be stored: ${error}`
        throw commandNotStarted(reason, 'Free some space, then call again.', error)
      }
    }
    throw sandboxLost(this.name, 'what should run the command is killed each time')
  }

  /**
   * Counts as use from now on: its mounts are those that its server wants. Rejects with `SANDBOX_LOST` when
   * the sandbox has been removed meanwhile.
   */
  async accept(): Promise<void> {
    await writeFile(join(this.#place.directory, acceptedFile), '').catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') throw sandboxLost(this.name, 'its directory was removed')
        const reason = `it cannot be noted that sandbox ${this.name} is used: ${error.message}`
        throw sandboxStartFailed(reason, 'Free some space, then call again.', error)
      },
    )
  }

  async close(): Promise<void> {
    this.#end(sandboxLost(this.name, 'its connection was closed'))
    for (const handler of this.#running) handler.close()
    this.#alive.destroy()
    await this.#handlers.settled()
    await removeDirectory(this.#place.directory)
  }

  #end(error: SandboxError): void {
    if (this.#ended) return
    this.#ended = true
    this.#handlers.end(error)
    closeSync(this.#requests)
  }
}

/**
 * Forgets connections whose server has ended; resolves with how many others there are, and how many of them
 * use the sandbox: others may only be finding out whether it is the one that they want.
 */
export async function countConnections(directory: string) {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  const count = { all: 0, inUse: 0 }
  for (const entry of entries) {
    if (!entry.isDirectory()) continue
    const own = join(directory, entry.name)
    if (isAlive(connectionOwner(entry.name))) {
      count.all++
      if (await isThere(join(own, acceptedFile))) count.inUse++
    } else await removeDirectory(own)
  }
  return count
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )
