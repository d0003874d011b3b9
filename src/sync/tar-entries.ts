/**
 * The entries of a tar stream as it comes in, as GNU tar and BusyBox write them: ustar headers with
 * GNU's entries for long names. What a header of pax says about the next entry is understood for names
 * and sizes. Several archives may follow one another.
 */

interface TarHeader {
  readonly path: string
  /** `other` for what is neither; a hard link repeats an earlier entry, which `target` names. */
  readonly kind: 'file' | 'link' | 'directory' | 'hard link' | 'other'
  readonly mode: number
  readonly mtimeMs: number
  readonly size: number
  readonly target: string
}

export interface IncomingEntry extends TarHeader {
  /** The file's bytes, to be read before the next entry is asked for; what is left of them is passed over. */
  readonly content: AsyncIterable<Buffer>
}

const block = 512
/** Of what a header says about the next entry; a name is far shorter. */
const longestNote = 1024 * 1024
const kinds: Readonly<Record<string, TarHeader['kind']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hard link',
  '2': 'link',
  '5': 'directory',
}

/**
 * Throws when the stream ends inside of an entry, or holds what is no tar header. Whoever sends it is not trusted: no more
 * than a header and what it says is held.
 */
export async function* tarEntries(source: AsyncIterable<Buffer>): AsyncGenerator<IncomingEntry> {
  const bytes = new ByteSource(source)
  let next: { path?: string; target?: string; size?: number } = {}
  for (;;) {
    const raw = await bytes.take(block)
    if (raw === undefined) return
    if (raw.every((byte) => byte === 0)) continue
    const header = parseHeader(raw)
    const type = String.fromCharCode(raw[156] ?? 0)
    if (type === 'L' || type === 'K' || type === 'x' || type === 'g') {
      if (!isSize(header.size) || header.size > longestNote) throw damaged()
      const text = await bytes.must(header.size)
      await bytes.must(padding(header.size))
      if (type === 'L') next.path = untilNul(text)
      else if (type === 'K') next.target = untilNul(text)
      else if (type === 'x') next = { ...next, ...paxRecords(text) }
      continue
    }
    const entry = { ...header, ...next }
    if (!isSize(entry.size)) throw damaged()
    next = {}
    const content = bytes.piece(entry.kind === 'file' ? entry.size : 0)
    yield { ...entry, content }
    for await (const _ of content) {
      // passed over
    }
    await bytes.must(padding(entry.kind === 'file' ? entry.size : 0))
  }
}

/** Numbers may be negative in GNU's binary form, and anything at all in a header of pax. */
const isSize = (size: number) => Number.isSafeInteger(size) && size >= 0

const damaged = () => new Error('the archive is damaged')

function parseHeader(raw: Buffer): TarHeader {
  const stored = octal(raw.subarray(148, 156))
  let sum = 0
  for (let at = 0; at < block; at++) sum += at >= 148 && at < 156 ? 0x20 : (raw[at] ?? 0)
  if (sum !== stored) throw damaged()
  const name = untilNul(raw.subarray(0, 100))
  // GNU's own format has other things in the place of the prefix.
  const isUstar = raw.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = isUstar ? untilNul(raw.subarray(345, 500)) : ''
  return {
    path: prefix === '' ? name : `${prefix}/${name}`,
    kind: kinds[String.fromCharCode(raw[156] ?? 0)] ?? 'other',
    mode: octal(raw.subarray(100, 108)) & 0o7777,
    mtimeMs: number(raw.subarray(136, 148)) * 1000,
    size: number(raw.subarray(124, 136)),
    target: untilNul(raw.subarray(157, 257)),
  }
}

/** Octal digits, or GNU's binary form of numbers that are too large for them. */
function number(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) === 0) return octal(field)
  return Number(field.readBigInt64BE(field.length - 8))
}

function octal(field: Buffer): number {
  const digits = untilNul(field).trim()
  if (!/^[0-7]*$/.test(digits)) throw damaged()
  return digits === '' ? 0 : Number.parseInt(digits, 8)
}

function untilNul(field: Buffer): string {
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? field.length : end)
}

/** Lines of `<length> <key>=<value>`. */
function paxRecords(text: Buffer): { path?: string; target?: string; size?: number } {
  const found: { path?: string; target?: string; size?: number } = {}
  for (let at = 0; at < text.length; ) {
    const space = text.indexOf(0x20, at)
    const length = Number(text.toString('latin1', at, space))
    if (space < 0 || !Number.isSafeInteger(length) || length <= 0) break
    const record = text.toString('utf8', space + 1, at + length - 1)
    const [, key, value = ''] = /^([^=]*)=(.*)$/s.exec(record) ?? []
    if (key === 'path') found.path = value
    else if (key === 'linkpath') found.target = value
    else if (key === 'size') found.size = Number(value)
    at += length
  }
  return found
}

const padding = (size: number) => (block - (size % block)) % block

/** Exact numbers of bytes of a stream of chunks. */
class ByteSource {
  readonly #chunks: AsyncIterator<Buffer>
  #chunk: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]()
  }

  /** Undefined at the end of the stream. */
  async take(size: number): Promise<Buffer | undefined> {
    if (this.#chunk.length === 0 && !(await this.#more())) return undefined
    return this.must(size)
  }

  async must(size: number): Promise<Buffer> {
    const pieces: Buffer[] = []
    for await (const piece of this.piece(size)) pieces.push(piece)
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
  }

  /** The next `size` bytes as they come; going on with it again continues where it was left. */
  piece(size: number): AsyncIterable<Buffer> {
    let left = size
    const next = async (): Promise<IteratorResult<Buffer>> => {
      if (left === 0) return { done: true, value: undefined }
      if (this.#chunk.length === 0 && !(await this.#more())) {
        throw new Error('the transfer was cut')
      }
      const value = this.#chunk.subarray(0, left)
      this.#chunk = this.#chunk.subarray(value.length)
      left -= value.length
      return { done: false, value }
    }
    return { [Symbol.asyncIterator]: () => ({ next }) }
  }

  async #more(): Promise<boolean> {
    do {
      const { done, value } = await this.#chunks.next()
      if (done) return false
      this.#chunk = value
    } while (this.#chunk.length === 0)
    return true
  }
}
