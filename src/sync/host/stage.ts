/**
 * Files on their way to the host's tree: whole and durable in a directory of ours inside of it, before
 * the first of them takes its place.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  fchmodSync,
  fdatasync,
  fsync,
  mkdirSync,
  opendirSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { canPin } from '../../real-paths.ts'
import { errnoOf } from '../../trees/host-failure.ts'
import { giveMode } from '../../trees/host-mode.ts'
import { isTemporaryName, temporaryName } from '../../trees/temporary-name.ts'
import { inSlices, type Steps } from '../slices.ts'

const fsyncDone = promisify(fsync)
const fdatasyncDone = promisify(fdatasync)
/** How many files wait for the disk at once. */
const waitingFiles = 32
const namesAtOnce = 256
const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** So much of a large file goes to the disk while the rest comes in: at the end little is left to wait for. */
const earlyBytes = 16 * 1024 * 1024

export interface StagedFile {
  /** Its path on the host. */
  readonly at: string
  readonly digest: string
  /** As the sandbox has it. */
  readonly mode: number
  readonly mtimeMs: number
}

/** Removes what stages have left in `root` that were cut off. No other may be in use there. */
export async function sweepStages(root: string): Promise<void> {
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (!entry.isDirectory() || !isTemporaryName(entry.name)) continue
    await inSlices(removed(join(root, entry.name)))
  }
}

export class HostStage {
  readonly root: string
  readonly directory: string
  /** How it is reached: held open, where that can be, as a link may take its name. */
  readonly at: string
  readonly #held: number
  readonly #waiting = new Set<Promise<void>>()
  #failure: unknown
  #count = 0

  /** `root` is the real path of the tree. */
  constructor(root: string) {
    this.root = root
    this.directory = join(root, temporaryName())
    mkdirSync(this.directory, { mode: 0o700 })
    this.#held = openSync(this.directory, directoryFlags)
    this.at = reached(this.#held, this.directory)
  }

  async add(content: AsyncIterable<Buffer>, mode: number, mtimeMs: number): Promise<StagedFile> {
    const at = join(this.at, String(this.#count++))
    const descriptor = openSync(at, 'wx', 0o600)
    const hash = createHash('sha256')
    let unflushed = 0
    let early: Promise<void> | undefined
    try {
      for await (const chunk of content) {
        hash.update(chunk)
        for (let written = 0; written < chunk.length; )
          written += writeSync(descriptor, chunk, written)
        unflushed += chunk.length
        if (unflushed < earlyBytes || early !== undefined) continue
        unflushed = 0
        early = this.#flushEarly(descriptor).finally(() => {
          early = undefined
        })
      }
      giveMode(() => fchmodSync(descriptor, 0o600))
      await early
    } catch (error) {
      await early
      closeSync(descriptor)
      throw error
    }
    await this.#flush(descriptor)
    return { at, digest: hash.digest('hex'), mode, mtimeMs }
  }

  /** Resolves when all that was added is durable. */
  async settle(): Promise<void> {
    await Promise.all(this.#waiting)
    if (this.#failure !== undefined) throw this.#failure
  }

  /** With all that is in it. Never rejects for what is gone already. */
  async remove(): Promise<void> {
    try {
      await inSlices(emptied(this.at))
    } finally {
      closeSync(this.#held)
    }
    removeEmpty(this.directory)
  }

  /** A failure is told once, and not again by the flush at the end. */
  async #flushEarly(descriptor: number): Promise<void> {
    await fdatasyncDone(descriptor).catch((error: unknown) => {
      this.#failure ??= error
    })
  }

  async #flush(descriptor: number): Promise<void> {
    const flushed = fsyncDone(descriptor)
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => {
        closeSync(descriptor)
        this.#waiting.delete(flushed)
      })
    this.#waiting.add(flushed)
    if (this.#waiting.size >= waitingFiles) await Promise.race(this.#waiting)
  }
}

/** As `rm -rf`, file by file: of a large workspace there may be a million. A link that takes a name meanwhile is not followed. */
function* removed(directory: string): Steps<void> {
  let held: number
  try {
    held = openSync(directory, directoryFlags)
  } catch (error) {
    if (isAnother(error)) return
    throw error
  }
  try {
    yield* emptied(reached(held, directory))
  } finally {
    closeSync(held)
  }
  removeEmpty(directory)
}

function* emptied(directory: string): Steps<void> {
  const entries = opendirSync(directory, { bufferSize: namesAtOnce })
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
      const at = join(directory, entry.name)
      if (entry.isDirectory()) yield* removed(at)
      else unlessGone(() => unlinkSync(at))
      yield
    }
  } finally {
    entries.closeSync()
  }
}

const reached = (descriptor: number, spelled: string) =>
  canPin ? `/proc/self/fd/${descriptor}` : spelled

const removeEmpty = (directory: string) => unlessGone(() => rmdirSync(directory))

function unlessGone(remove: () => void): void {
  try {
    remove()
  } catch (error) {
    if (!isAnother(error)) throw error
  }
}

/** Nothing is there (any more), or something else. */
const isAnother = (error: unknown) =>
  ['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR'].includes(errnoOf(error) ?? '')
