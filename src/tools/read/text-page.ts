/** Cuts a page of lines out of a text file, without reading more of it than it has to. */

import { fileTooLarge } from '../../errors.ts'
import type { FileContent } from '../../tree.ts'
import type { Located } from '../../workspace.ts'
import { utf16 } from '../file-kind.ts'

export interface TextPage {
  readonly text: string
  /** Whole or cut lines in `text`. */
  readonly lines: number
  readonly more: boolean
  /** Known only when the file was read to its end. */
  readonly totalLines: number
  readonly size: number
  /** What the reader should know: a cut line, bytes that are no UTF-8. */
  readonly notes: readonly string[]
}

/** How much of a file is read at a time: most are read at once. */
export const chunkBytes = 1024 * 1024
/** UTF-16 is decoded whole. */
const utf16LimitBytes = 16 * 1024 * 1024

/** The page that begins at `firstLine`, from 1. `start` are the file's first `chunkBytes`. */
export async function pageLines(
  { tree, path, shown }: Located,
  start: FileContent,
  firstLine: number,
  limits: { readonly lines: number; readonly bytes: number },
): Promise<TextPage> {
  let chunk = start
  const { size } = chunk
  const encoding = utf16(chunk.bytes)
  if (encoding !== undefined) {
    if (size > utf16LimitBytes) throw fileTooLarge(shown, size, utf16LimitBytes)
    const { bytes } = await tree.read(path)
    const utf8 = Buffer.from(new TextDecoder(encoding).decode(bytes))
    const page = new PageCutter(firstLine, limits)
    page.take(utf8)
    return page.finish(size, [`decoded from ${encoding.toUpperCase()}`])
  }
  const page = new PageCutter(firstLine, limits)
  let offset = 0
  while (chunk.bytes.length > 0 && page.take(chunk.bytes)) {
    offset += chunk.bytes.length
    if (offset >= size) break
    chunk = await tree.read(path, { offset, length: chunkBytes })
  }
  return page.finish(size, [])
}

class PageCutter {
  readonly #first: number
  readonly #limits: { readonly lines: number; readonly bytes: number }
  readonly #kept: Buffer[] = []
  #line = 1
  #lineBytes = 0
  #keptBytes = 0
  #keptLines = 0
  #lastByte = 0x0a
  #full = false
  #cut = false

  constructor(first: number, limits: { readonly lines: number; readonly bytes: number }) {
    this.#first = first
    this.#limits = limits
  }

  /** Takes the next bytes of the file; false when the page is full. */
  take(bytes: Buffer): boolean {
    let start = 0
    while (start < bytes.length && !this.#full) {
      const feed = bytes.indexOf(0x0a, start)
      const end = feed === -1 ? bytes.length : feed + 1
      if (this.#line >= this.#first) this.#keep(bytes.subarray(start, end))
      if (this.#full) break
      this.#lastByte = bytes[end - 1] ?? 0x0a
      this.#lineBytes = feed === -1 ? this.#lineBytes + end - start : 0
      if (feed !== -1) this.#line++
      start = end
    }
    return !this.#full
  }

  #keep(piece: Buffer): void {
    const begins = this.#lineBytes === 0
    if (begins && this.#keptLines === this.#limits.lines) {
      this.#full = true
      return
    }
    const room = this.#limits.bytes - this.#keptBytes
    if (piece.length > room) {
      this.#full = true
      // A first line that alone is too long is cut; any other waits whole for the next page.
      if (this.#keptLines > (begins ? 0 : 1)) {
        if (!begins) this.#dropUnfinishedLine()
        return
      }
      this.#cut = true
      this.#add(piece.subarray(0, wholeCharacters(piece, room)), begins)
      return
    }
    this.#add(piece, begins)
  }

  #add(piece: Buffer, begins: boolean): void {
    this.#kept.push(piece)
    this.#keptBytes += piece.length
    if (begins) this.#keptLines++
  }

  #dropUnfinishedLine(): void {
    const whole = Buffer.concat(this.#kept)
    const end = whole.lastIndexOf(0x0a) + 1
    this.#kept.splice(0, this.#kept.length, whole.subarray(0, end))
    this.#keptLines--
  }

  finish(size: number, notes: readonly string[]): TextPage {
    const bytes = Buffer.concat(this.#kept)
    const decoded = new TextDecoder('utf-8').decode(bytes)
    const more: string[] = [...notes]
    if (decoded.includes('\u{fffd}') && !bytes.includes('\u{fffd}')) {
      more.push('some bytes are not UTF-8 and are shown as \u{fffd}; edit keeps them as they are')
    }
    if (this.#cut) {
      more.push(
        `line ${this.#first} is longer than ${this.#limits.bytes} bytes and is cut; see the rest with exec: sed -n ${this.#first}p FILE | cut -c N-M`,
      )
    }
    return {
      text: decoded,
      lines: this.#keptLines,
      more: this.#full,
      totalLines: this.#lastByte === 0x0a ? this.#line - 1 : this.#line,
      size,
      notes: more,
    }
  }
}

/** The most bytes up to `limit` that end between two characters. */
function wholeCharacters(bytes: Buffer, limit: number): number {
  let end = limit
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return end
}
