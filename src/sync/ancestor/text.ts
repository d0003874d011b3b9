/**
 * What is in the file of an ancestor: a line about all of it, then a line for each entry. It is read and
 * written in pieces, so that of a large workspace neither the text nor the work is ever there in one piece.
 */
import { createHash, type Hash, randomBytes } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { type TreePath, treePath } from '../../tree.ts'
import { inSlices, Pace, type Steps } from '../slices.ts'
import { type Entry, parentOf, type Snapshot } from '../snapshot.ts'

export const version = 2
const pieceBytes = 256 * 1024
/** More than a line can have. */
const lineLimitBytes = 1024 * 1024
const newline = 0x0a

/** The first line of a file. */
export interface AncestorHeader {
  readonly version: number
  readonly pair: string
  readonly entries: number
  /** Makes the digest that of one writing, whatever is written. */
  readonly salt?: string
  /** Of the salt and all lines. */
  readonly sha256: string
}

/** Both sides, and what they agreed on. */
export interface Agreement {
  readonly pair: string
  readonly snapshot: Map<TreePath, Entry>
  /** No other writing has it. */
  readonly sha256: string
}

/** Writes to a file that is new and empty; gives the digest of it. */
export async function writeAncestor(
  file: FileHandle,
  pair: string,
  snapshot: Snapshot,
): Promise<string> {
  const salt = randomBytes(12).toString('hex')
  const header = (sha256: string) => {
    const fields: AncestorHeader = { version, pair, entries: snapshot.size, salt, sha256 }
    return Buffer.from(`${JSON.stringify(fields)}\n`)
  }
  // The digest is known last and comes first; it is as long as this.
  const placeholder = header('0'.repeat(64))
  let at = placeholder.length
  const hash = createHash('sha256').update(salt)
  const entries = snapshot.entries()
  for (;;) {
    const piece = await inSlices(nextPiece(entries))
    if (piece.length === 0) break
    hash.update(piece)
    await writeAll(file, piece, at)
    at += piece.length
  }
  const sha256 = hash.digest('hex')
  await writeAll(file, header(sha256), 0)
  return sha256
}

function* nextPiece(entries: Iterator<[TreePath, Entry]>): Steps<Buffer> {
  const pace = new Pace()
  const lines: string[] = []
  for (let length = 0; length < pieceBytes; ) {
    const { done, value } = entries.next()
    if (done) break
    const [path, entry] = value
    const line = lineOf(path, entry)
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

/** With its newline. Of a path without an entry, that there is none. */
export function lineOf(path: TreePath, entry: Entry | undefined): string {
  return `${JSON.stringify([path, ...fields(entry)])}\n`
}

function fields(entry: Entry | undefined): readonly unknown[] {
  switch (entry?.kind) {
    case 'file':
      return ['file', entry.digest, entry.executable]
    case 'link':
      return ['link', entry.target]
    case 'directory':
      return ['directory']
    case undefined:
      return []
  }
}

/** Undefined for what `lineOf` did not make. */
export function entryOfLine(
  line: string,
): { readonly path: TreePath; readonly entry: Entry | undefined } | undefined {
  try {
    const [path, kind, content, executable] = JSON.parse(line)
    return { path: treePath(path), entry: entryOf(kind, content, executable) }
  } catch {
    return undefined
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
  #header: AncestorHeader | undefined
  #rest: Buffer = Buffer.alloc(0)

  #line(text: string): boolean {
    const { path, entry } = entryOfLine(text) ?? {}
    if (path === undefined || entry === undefined) return false
    this.#snapshot.set(path, entry)
    return true
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
      this.#hash.update(this.#header.salt ?? '').update(bytes)
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
    const { pair, sha256 } = this.#header
    return { pair, sha256, snapshot: this.#snapshot }
  }
}

/** Undefined for what is none of this version. */
export function headerOf(line: string): AncestorHeader | undefined {
  try {
    const header = JSON.parse(line)
    return header.version === version ? header : undefined
  } catch {
    return undefined
  }
}

function entryOf(
  kind: string | undefined,
  content: string,
  executable: boolean,
): Entry | undefined {
  if (kind === 'file') return { kind, digest: content, executable }
  if (kind === 'link') return { kind, target: content }
  return kind === undefined ? undefined : { kind: 'directory' }
}
