/**
 * What a command printed, as one sequence of bytes in the order they arrived: head and tail in bounded
 * memory, and, once something has to be left out of them, all of it in a log file.
 */
import { rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { HeadAndTail } from './head-and-tail.ts'
import { countLineFeeds } from './line-feeds.ts'
import type { LogSpace } from './log-space.ts'

export type OutputStream = 'stdout' | 'stderr'

export interface OutputLimits {
  /** Together the most that one result shows of a command's output. */
  readonly headBytes: number
  readonly tailBytes: number
  /** A log stops growing here; the sizes go on being counted. */
  readonly logBytes: number
}

/** What the words around a cut output may take. */
const wordsBytes = 1_000

/** Limits with which a result, its own words included, has at most `characters`: more of tail than head. */
export function outputLimitsOf(characters: number): OutputLimits {
  const bytes = characters - wordsBytes
  const headBytes = Math.floor(bytes * 0.38)
  return { headBytes, tailBytes: bytes - headBytes, logBytes: 256 * 1024 * 1024 }
}

/** What common clients show whole. */
export const defaultOutputCharacters = 30_000

export const outputLimits = outputLimitsOf(defaultOutputCharacters)

/** A place in the output. */
export interface OutputMark {
  readonly bytes: number
  /** How many are before it, where that is known. */
  readonly lineFeeds: number | undefined
}

/** A disk that is this far behind is waited for. */
const unwrittenBytes = 512 * 1024

/** The most that is held back until a character is whole. */
const longestCharacter = 4

export class CapturedOutput {
  readonly limits: OutputLimits
  /** As they arrived. */
  readonly bytes = { stdout: 0, stderr: 0 }
  readonly #space: LogSpace
  readonly #kept: HeadAndTail
  readonly #held = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }
  #lineFeeds = 0
  #log: { readonly path: string; readonly handle: Promise<FileHandle> } | undefined
  #logged = 0
  #writing: Promise<void> = Promise.resolve()
  #unwritten = 0
  #logProblem: string | undefined

  /** A log file is made only when it is needed; `dropLog` or the end of `space` removes it. */
  constructor(space: LogSpace, limits: OutputLimits = outputLimits) {
    this.#space = space
    this.limits = limits
    this.#kept = new HeadAndTail(limits.headBytes, limits.tailBytes)
  }

  get totalBytes(): number {
    return this.bytes.stdout + this.bytes.stderr
  }

  /** The end so far. A character that has not arrived whole is not in it yet. */
  get end(): { readonly bytes: number; readonly lineFeeds: number } {
    return { bytes: this.#kept.length, lineFeeds: this.#lineFeeds }
  }

  /** Settles when what has come by now is kept, or is in `gap`; to be waited for before `gap` is asked. Never rejects. */
  get written(): Promise<void> {
    return this.#writing
  }

  /**
   * Bytes that are kept nowhere, because the log stopped or was dropped: [from, to), and why. Its end moves on while
   * the command prints: what is read behind it has to be asked for at once.
   */
  get gap(): { readonly from: number; readonly to: number; readonly why: string } | undefined {
    // What is only not written yet will be, and `read` waits for it.
    if (this.#logProblem === undefined) return undefined
    const from = Math.max(this.#kept.headEnd, this.#logged)
    const to = this.#kept.tailStart
    return from < to ? { from, to, why: this.#logProblem } : undefined
  }

  /** Takes a chunk; await it, so that a fast command waits for a slow disk. */
  async add(stream: OutputStream, chunk: Buffer): Promise<void> {
    this.bytes[stream] += chunk.length
    const held = this.#held[stream]
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    // Stdout and stderr mix in arrival order, but never inside a character.
    const end = endOfCharacters(bytes)
    this.#held[stream] = Buffer.from(bytes.subarray(end))
    await this.#append(bytes.subarray(0, end))
  }

  /** No more of either stream comes: what was held back is let go as it is, and the log is finished. */
  async close(): Promise<void> {
    const { stdout, stderr } = this.#held
    this.#held.stdout = this.#held.stderr = Buffer.alloc(0)
    await this.#append(Buffer.concat([stdout, stderr]))
    await this.#writing
    await this.#log?.handle.then((handle) => handle.close()).catch(() => {})
  }

  /** The bytes in [from, to), which must not reach into `gap`. Fewer when the log was dropped meanwhile. */
  async read(from: number, to: number): Promise<Buffer> {
    const { headEnd, tailStart } = this.#kept
    if (to <= headEnd || from >= tailStart || headEnd === tailStart)
      return this.#kept.slice(from, to)
    if (from < headEnd) {
      const head = this.#kept.slice(from, headEnd)
      return Buffer.concat([head, await this.read(headEnd, to)])
    }
    // Bytes that stay in memory are copied before the wait, in which they could go.
    const tail = to > tailStart ? this.#kept.slice(tailStart, to) : Buffer.alloc(0)
    return Buffer.concat([await this.#readLog(from, Math.min(to, tailStart)), tail])
  }

  /** The last `count` bytes, or fewer: for a line of progress. */
  last(count: number): Buffer {
    const { length, headEnd, tailStart } = this.#kept
    const kept = headEnd === tailStart ? 0 : tailStart
    return this.#kept.slice(Math.max(kept, length - count), length)
  }

  /** Removes the log of a command that has ended; what is in memory stays. */
  dropLog(): void {
    if (this.#log === undefined) return
    rmSync(this.#log.path, { force: true })
    this.#log = undefined
    this.#space.give(this.#logged)
    this.#logged = 0
    this.#logProblem = 'its log was removed to make room for later ones'
  }

  async #append(chunk: Buffer): Promise<void> {
    if (chunk.length === 0) return
    const before = this.#kept.length
    const { headBytes, tailBytes } = this.limits
    if (this.#log === undefined && before + chunk.length > headBytes + tailBytes) {
      const path = this.#space.newPath()
      this.#log = { path, handle: open(path, 'wx+', 0o600) }
      this.#log.handle.catch(() => {})
      this.#queue(this.#kept.slice(0, before))
    }
    this.#kept.add(chunk)
    this.#lineFeeds += countLineFeeds(chunk)
    if (this.#log !== undefined) this.#queue(chunk)
    if (this.#unwritten > unwrittenBytes) await this.#writing
  }

  #queue(chunk: Buffer): void {
    this.#unwritten += chunk.length
    this.#writing = this.#writing.then(async () => {
      await this.#write(chunk)
      this.#unwritten -= chunk.length
    })
  }

  /** Never rejects: a full disk must not fail the command, and `gap` tells what the log lacks. */
  async #write(chunk: Buffer): Promise<void> {
    if (this.#logProblem !== undefined || this.#log === undefined) return
    const wanted = Math.min(chunk.length, this.limits.logBytes - this.#logged)
    const room = this.#space.take(wanted)
    let written = 0
    try {
      const handle = await this.#log.handle
      while (written < room) {
        const { bytesWritten } = await handle.write(chunk, written, room - written)
        written += bytesWritten
      }
      if (wanted < chunk.length) this.#logProblem = `logs end at ${this.limits.logBytes} bytes`
      else if (room < wanted) this.#logProblem = "the session's logs have filled their space"
    } catch (error) {
      this.#logProblem = `the log could not be written (${(error as NodeJS.ErrnoException).code})`
      this.#space.give(room - written)
    }
    this.#logged += written
  }

  async #readLog(from: number, to: number): Promise<Buffer> {
    await this.#writing
    if (this.#log === undefined) return Buffer.alloc(0)
    const file = await open(this.#log.path)
    try {
      const bytes = Buffer.alloc(to - from)
      let used = 0
      while (used < bytes.length) {
        const { bytesRead } = await file.read(bytes, used, bytes.length - used, from + used)
        if (bytesRead === 0) break
        used += bytesRead
      }
      return bytes.subarray(0, used)
    } finally {
      await file.close()
    }
  }
}

/** Where a character begins at the very end that is not whole yet; else the length. */
function endOfCharacters(bytes: Buffer): number {
  for (let back = 1; back < longestCharacter && back <= bytes.length; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0
    if ((byte & 0xc0) === 0x80) continue
    const needed =
      byte >= 0xf0 && byte < 0xf5
        ? 4
        : byte >= 0xe0 && byte < 0xf0
          ? 3
          : byte >= 0xc2 && byte < 0xe0
            ? 2
            : 1
    return needed > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}
