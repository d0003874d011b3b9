/**
 * What is in the file of an ancestor: a line about all of it, then a line for each entry. It is read and
 * written in pieces, so that of a large workspace neither the text nor the work is ever there in one piece.
 */
import { createHash, type Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { type TreePath, treePath } from '../tree.ts'
import { inSlices, Pace, type Steps } from './slices.ts'
import { type Entry, parentOf, type Snapshot } from './snapshot.ts'

const version = 1
const pieceBytes = 256 * 1024
/** More than a line can have. */
const lineLimitBytes = 1024 * 1024
const newline = 0x0a

/** Both sides, and what they agreed on. */
export interface Agreement {
  readonly pair: string
  readonly snapshot: Snapshot
}

/** Writes to a file that is new and empty. */
export async function writeAncestor(
  file: FileHandle,
  pair: string,
  snapshot: Snapshot,
): Promise<void> {
  const header = (sha256: string) =>
    Buffer.from(`${JSON.stringify({ version, pair, entries: snapshot.size, sha256 })}\n`)
  // The digest is known last and comes first; it is as long as this.
  const placeholder = header('0'.repeat(64))
  let at = placeholder.length
  const hash = createHash('sha256')
  const entries = snapshot.entries()
  for (;;) {
    const piece = await inSlices(nextPiece(entries))
    if (piece.length === 0) break
    hash.update(piece)
    await writeAll(file, piece, at)
    at += piece.length
  }
  await writeAll(file, header(hash.digest('hex')), 0)
}

function* nextPiece(entries: Iterator<[TreePath, Entry]>): Steps<Buffer> {
  const pace = new Pace()
  const lines: string[] = []
  for (let length = 0; length < pieceBytes; ) {
    const { done, value } = entries.next()
    if (done) break
    const [path, entry] = value
    const line = `${JSON.stringify([path, ...fields(entry)])}\n`
    lines.push(line)
    length += line.length
    if (pace.isDue) yield
  }
  return Buffer.from(lines.join(''))
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const left = bytes.length - written
    written += (await file.write(bytes, written, left, position + written)).bytesWritten
  }
}

function fields(entry: Entry): readonly unknown[] {
  switch (entry.kind) {
    case 'file':
      return ['file', entry.digest, entry.executable]
    case 'link':
      return ['link', entry.target]
    case 'directory':
      return ['directory']
  }
}

/** Undefined for anything that `writeAncestor` did not make. */
export async function readAncestor(
  file: FileHandle,
  signal: AbortSignal | undefined,
): Promise<Agreement | undefined> {
  const reading = new Reading()
  for (;;) {
    const piece = Buffer.allocUnsafe(pieceBytes)
    const { bytesRead } = await file.read(piece, 0, pieceBytes)
    if (bytesRead === 0) break
    // Anything that is thrown about a line is damage, but not a signal.
    if (!(await inSlices(reading.take(piece.subarray(0, bytesRead)), signal))) return undefined
  }
  return inSlices(reading.end(), signal)
}

class Reading {
  readonly #snapshot = new Map<TreePath, Entry>()
  readonly #hash: Hash = createHash('sha256')
  readonly #pace = new Pace()
  #header: { readonly pair: string; readonly sha256: string } | undefined
  #rest: Buffer = Buffer.alloc(0)

  #line(text: string): boolean {
    try {
      const [path, kind, content, executable] = JSON.parse(text)
      this.#snapshot.set(treePath(path), entryOf(kind, content, executable))
      return true
    } catch {
      return false
    }
  }

  /** False for what cannot be believed. */
  *take(piece: Buffer): Steps<boolean> {
    let bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    if (this.#header === undefined) {
      const end = bytes.indexOf(newline)
      this.#rest = bytes
      if (end < 0) return bytes.length < lineLimitBytes
      this.#header = headerOf(bytes.toString('utf8', 0, end))
      if (this.#header === undefined) return false
      bytes = bytes.subarray(end + 1)
      this.#hash.update(bytes)
    } else this.#hash.update(piece)
    let at = 0
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, at)) {
      if (!this.#line(bytes.toString('utf8', at, end))) return false
      at = end + 1
      if (this.#pace.isDue) yield
    }
    this.#rest = bytes.subarray(at)
    return this.#rest.length < lineLimitBytes
  }

  *end(): Steps<Agreement | undefined> {
    if (this.#header?.sha256 !== this.#hash.digest('hex') || this.#rest.length > 0) return undefined
    for (const path of this.#snapshot.keys()) {
      const parent = parentOf(path)
      if (parent !== '' && this.#snapshot.get(parent)?.kind !== 'directory') return undefined
      if (this.#pace.isDue) yield
    }
    return { pair: this.#header.pair, snapshot: this.#snapshot }
  }
}

function headerOf(line: string): { pair: string; sha256: string } | undefined {
  try {
    const header = JSON.parse(line)
    return header.version === version ? header : undefined
  } catch {
    return undefined
  }
}

function entryOf(kind: string, content: string, executable: boolean): Entry {
  if (kind === 'file') return { kind, digest: content, executable }
  if (kind === 'link') return { kind, target: content }
  return { kind: 'directory' }
}
