/**
 * What a command printed, in bounded memory: the head and the tail in the order they arrived, exact
 * sizes, and, once something has to be left out of them, a log file with all of it.
 */
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { StringDecoder } from 'node:string_decoder'

export type OutputStream = 'stdout' | 'stderr'

interface Segment {
  readonly stream: OutputStream
  bytes: Buffer
}

export interface OutputLimits {
  readonly headBytes: number
  readonly tailBytes: number
  /** The log stops growing here; the sizes go on being counted. */
  readonly logBytes: number
}

/** 30,000 bytes in all: what common clients show whole. */
export const outputLimits: OutputLimits = {
  headBytes: 12_000,
  tailBytes: 18_000,
  logBytes: 256 * 1024 * 1024,
}

export class CapturedOutput {
  readonly #limits: OutputLimits
  readonly #logPath: string
  readonly #head: Segment[] = []
  readonly #tail: Segment[] = []
  #headBytes = 0
  #tailBytes = 0
  #log: Promise<FileHandle> | undefined
  #writing: Promise<void> = Promise.resolve()
  #logged = 0
  readonly bytes = { stdout: 0, stderr: 0 }

  /** The file at `logPath` is made only when it is needed; whoever gives the path removes it. */
  constructor(logPath: string, limits: OutputLimits = outputLimits) {
    this.#logPath = logPath
    this.#limits = limits
  }

  get totalBytes(): number {
    return this.bytes.stdout + this.bytes.stderr
  }

  /** Bytes that are in neither head nor tail. */
  get omittedBytes(): number {
    return this.totalBytes - this.#headBytes - this.#tailBytes
  }

  /** Where all of it is, once something had to be left out; `complete` unless the log was full. */
  get log():
    | { readonly path: string; readonly bytes: number; readonly complete: boolean }
    | undefined {
    if (this.#log === undefined) return undefined
    return { path: this.#logPath, bytes: this.#logged, complete: this.#logged === this.totalBytes }
  }

  /** Takes a chunk; await it, so that a fast command waits for a slow disk. */
  async add(stream: OutputStream, chunk: Buffer): Promise<void> {
    this.bytes[stream] += chunk.length
    const room = this.#limits.headBytes - this.#headBytes
    const head = chunk.subarray(0, Math.max(0, room))
    const rest = chunk.subarray(head.length)
    if (head.length > 0) {
      append(this.#head, stream, head)
      this.#headBytes += head.length
    }
    if (rest.length > 0) {
      append(this.#tail, stream, rest)
      this.#tailBytes += rest.length
    }
    if (this.#log === undefined && this.#tailBytes <= this.#limits.tailBytes) return
    // Everything so far is still in head and tail, this chunk included.
    const chunks =
      this.#log === undefined
        ? [...this.#head, ...this.#tail].map((segment) => segment.bytes)
        : [chunk]
    this.#log ??= open(this.#logPath, 'wx', 0o600)
    this.#dropFromTail()
    this.#writing = this.#writing.then(() => this.#write(chunks))
    await this.#writing
  }

  /** Finishes the log. */
  async close(): Promise<void> {
    await this.#writing
    const handle = await this.#log?.catch(() => undefined)
    await handle?.close()
  }

  /** Head and tail as text, with a line between them that says what is left out. */
  text(omission: (bytes: number) => string): string {
    const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') }
    const head = decode(this.#head, decoders)
    const omitted = this.omittedBytes
    if (omitted === 0) return head + decode(this.#tail, decoders) + finish(decoders)
    const tail = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') }
    return `${head}\n${omission(omitted)}\n${decode(this.#tail, tail, true)}${finish(tail)}`
  }

  /** The last whole line so far, or what there is of one: for progress. */
  lastLine(): string {
    const last = this.#tail.at(-1) ?? this.#head.at(-1)
    const lines = last?.bytes.subarray(-400).toString('utf8').trimEnd().split('\n')
    return lines?.at(-1) ?? ''
  }

  async #write(chunks: readonly Buffer[]): Promise<void> {
    try {
      const handle = (await this.#log) as FileHandle
      for (const chunk of chunks) {
        const part = chunk.subarray(0, this.#limits.logBytes - this.#logged)
        if (part.length === 0) break
        this.#logged += part.length
        await handle.write(part)
      }
    } catch {
      // A full disk must not fail the command; `complete` tells that the log lacks something.
      this.#logged = Math.min(this.#logged, this.totalBytes - 1)
    }
  }

  #dropFromTail(): void {
    let excess = this.#tailBytes - this.#limits.tailBytes
    while (excess > 0) {
      const first = this.#tail[0]
      if (first === undefined) return
      const cut = Math.min(excess, first.bytes.length)
      first.bytes = first.bytes.subarray(cut)
      if (first.bytes.length === 0) this.#tail.shift()
      excess -= cut
      this.#tailBytes -= cut
    }
  }
}

/** Small pieces are joined, so that a command that prints byte by byte costs no more than another. */
function append(segments: Segment[], stream: OutputStream, bytes: Buffer): void {
  const last = segments.at(-1)
  if (last?.stream === stream && last.bytes.length + bytes.length <= 4096) {
    last.bytes = Buffer.concat([last.bytes, bytes])
  } else {
    segments.push({ stream, bytes })
  }
}

type Decoders = Record<OutputStream, StringDecoder>

function decode(segments: readonly Segment[], decoders: Decoders, cut = false): string {
  const begun = new Set<OutputStream>()
  let text = ''
  for (const { stream, bytes } of segments) {
    // A tail can begin inside a character, whose first byte was left out.
    const isCut = cut && !begun.has(stream)
    begun.add(stream)
    text += decoders[stream].write(isCut ? withoutContinuation(bytes) : bytes)
  }
  return text
}

function withoutContinuation(bytes: Buffer): Buffer {
  let start = 0
  while (start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++
  return bytes.subarray(start)
}

function finish(decoders: Decoders): string {
  return decoders.stdout.end() + decoders.stderr.end()
}
