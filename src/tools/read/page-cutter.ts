/** Takes the bytes of a file in turn, and cuts one page out of them. */
import { countLineFeeds } from '../../output/line-feeds.ts'

export interface PageLimits {
  readonly lines: number
  readonly bytes: number
}

export interface PageStart {
  /** Number of the first line, from 1. */
  readonly line: number
  /** The byte that the page begins at, which is in that line; undefined to look the line up. */
  readonly cursor: number | undefined
}

export interface CutPage {
  /** Whole lines, or a part of a line that is longer than a page. */
  readonly bytes: Buffer
  /** How many lines `bytes` holds, or holds a part of. */
  readonly lines: number
  /** Where the next page begins; undefined when the file ends with this one. */
  readonly next: { readonly line: number; readonly cursor: number } | undefined
  /** How many lines the file has, if it ended before the page began. */
  readonly linesBefore: number
}

export class PageCutter {
  readonly #start: PageStart
  readonly #limits: PageLimits
  readonly #kept: Buffer[] = []
  #keptBytes = 0
  /** The next byte to come, and the line that it is in. */
  #at: number
  #line: number
  #lastByte = 0x0a
  #pageStart: number | undefined

  constructor(start: PageStart, limits: PageLimits) {
    this.#start = start
    this.#limits = limits
    this.#at = start.cursor ?? 0
    this.#line = start.cursor === undefined ? 1 : start.line
  }

  /** Takes the next bytes of the file; false when the page needs no more. */
  take(bytes: Buffer): boolean {
    const begin = this.#skip(bytes)
    if (this.#line === this.#start.line && begin < bytes.length) {
      this.#pageStart ??= this.#at + begin
      const part = bytes.subarray(begin, begin + this.#limits.bytes - this.#keptBytes)
      this.#kept.push(part)
      this.#keptBytes += part.length
    }
    this.#at += bytes.length
    this.#lastByte = bytes[bytes.length - 1] ?? this.#lastByte
    return this.#keptBytes < this.#limits.bytes
  }

  /** `size` is the whole file's. */
  finish(size: number): CutPage {
    const linesBefore = this.#line - (this.#lastByte === 0x0a ? 1 : 0)
    const pageStart = this.#pageStart ?? this.#at
    const kept = Buffer.concat(this.#kept)
    const end = this.#endOfPage(kept, pageStart + kept.length < size)
    const bytes = kept.subarray(0, end)
    const feeds = countLineFeeds(bytes)
    const lines = feeds + (end > 0 && bytes[end - 1] !== 0x0a ? 1 : 0)
    const cursor = pageStart + end
    const next = cursor < size ? { line: this.#start.line + feeds, cursor } : undefined
    return { bytes, lines, next, linesBefore }
  }

  /** Where in `bytes` the first line begins, or goes on after a cursor; their end when it does not. */
  #skip(bytes: Buffer): number {
    if (this.#pageStart !== undefined) return 0
    if (this.#start.cursor !== undefined) return withoutContinuation(bytes)
    const needed = this.#start.line - this.#line
    const feeds = needed === 0 ? 0 : countLineFeeds(bytes)
    if (feeds < needed) {
      this.#line += feeds
      return bytes.length
    }
    this.#line = this.#start.line
    let begin = 0
    for (let left = needed; left > 0; left -= 1) begin = bytes.indexOf(0x0a, begin) + 1
    return begin
  }

  /** A line that does not fit waits whole for the next page, unless it is longer than a page. */
  #endOfPage(kept: Buffer, moreFollows: boolean): number {
    let end = 0
    for (let lines = 0; lines < this.#limits.lines; lines += 1) {
      const feed = kept.indexOf(0x0a, end)
      if (feed === -1) break
      end = feed + 1
      if (lines === this.#limits.lines - 1) return end
    }
    if (!moreFollows) return kept.length
    return end > 0 ? end : wholeCharacters(kept)
  }
}

/** A cursor that was made up can be inside a character. */
function withoutContinuation(bytes: Buffer): number {
  let start = 0
  while (start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1
  return start
}

/** The length without the beginning of a last character that may not be whole. */
function wholeCharacters(bytes: Buffer): number {
  let end = bytes.length
  while (end > 1 && bytes.length - end < 3 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end -= 1
  return end > 1 && (bytes[end - 1] ?? 0) >= 0xc0 ? end - 1 : bytes.length
}
