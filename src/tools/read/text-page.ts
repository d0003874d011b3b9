/** Cuts a page of lines out of a text file, without reading more of it than it has to. */
import { cancelled } from '../../errors.ts'
import { fileTooLarge } from '../../file-errors.ts'
import type { FileContent } from '../../tree.ts'
import { Turn } from '../../turn.ts'
import type { Located } from '../../workspace.ts'
import { utf16 } from '../file-kind.ts'
import { type CutPage, PageCutter, type PageLimits, type PageStart } from './page-cutter.ts'
import { pageText } from './page-text.ts'

export interface TextPage extends Omit<CutPage, 'bytes'> {
  readonly text: string
  /** Bytes that a cursor can point into. */
  readonly size: number
  /** What the reader should know: line endings, an encoding, bytes that are no UTF-8. */
  readonly notes: readonly string[]
}

/** How much of a file is read at first: most are read at once. */
export const chunkBytes = 1024 * 1024
/** A line far inside is looked up in larger steps. */
const laterChunkBytes = 4 * 1024 * 1024
/** UTF-16 is decoded whole. */
const utf16LimitBytes = 16 * 1024 * 1024

/**
 * The page that begins at `start`. `head` are the file's first bytes, up to `chunkBytes` of them. While a line is looked
 * up others are answered; `CANCELLED` on the signal.
 */
export async function textPage(
  located: Located,
  head: FileContent,
  start: PageStart,
  limits: PageLimits,
  signal: AbortSignal,
): Promise<TextPage> {
  const { size } = head
  const encoding = utf16(head.bytes)
  const file = encoding === undefined ? undefined : await decoded(located, head, encoding)
  const cutter = new PageCutter(start, limits)
  const total = file?.length ?? size
  const turn = new Turn()
  for await (const bytes of chunks(located, file ?? head.bytes, start.cursor ?? 0, total)) {
    if (!cutter.take(bytes)) break
    if (turn.isOver) await turn.next()
    if (signal.aborted) throw cancelled('read')
  }
  const { bytes, ...page } = cutter.finish(total)
  const encodings = encoding === undefined ? [] : [`decoded from ${encoding.toUpperCase()}`]
  const { text, notes } = pageText(bytes, (start.cursor ?? 0) === 0 && start.line === 1)
  return { ...page, text, size: total, notes: [...encodings, ...notes] }
}

/** The file from `offset` on: what is there already, then what has to be read. */
async function* chunks({ tree, path }: Located, head: Buffer, offset: number, size: number) {
  let at = offset
  if (at < head.length) yield head.subarray(at)
  at = Math.max(at, head.length)
  while (at < size) {
    // A page that is asked for by its cursor is in the first bytes from there.
    const length = at === offset ? chunkBytes : laterChunkBytes
    const { bytes } = await tree.read(path, { offset: at, length })
    if (bytes.length === 0) return
    yield bytes
    at += bytes.length
  }
}

async function decoded(
  { tree, path, shown }: Located,
  head: FileContent,
  encoding: string,
): Promise<Buffer> {
  if (head.size > utf16LimitBytes) throw fileTooLarge(shown, head.size, utf16LimitBytes)
  const { bytes } = head.bytes.length === head.size ? head : await tree.read(path)
  return Buffer.from(new TextDecoder(encoding).decode(bytes))
}
