/**
 * The tar format as GNU tar, BusyBox and bsdtar all read it: ustar headers, with GNU's entries for
 * long names, because BusyBox passes over those of pax.
 */

export interface TarEntry {
  readonly path: string
  readonly kind: 'file' | 'link' | 'directory'
  readonly mode: number
  readonly mtimeMs: number
  /** Bytes that follow, of a file. */
  readonly size?: number
  /** Of a link. */
  readonly target?: string
}

const block = 512
const types = { file: '0', link: '2', directory: '5' } as const
const longTypes = { path: 'L', target: 'K' } as const

/** What comes before the content of `entry`. */
export function tarHeader(entry: TarEntry): Buffer {
  const path = Buffer.from(entry.kind === 'directory' ? `${entry.path}/` : entry.path)
  const target = entry.target === undefined ? nothing : Buffer.from(entry.target)
  const last = header(types[entry.kind], path, target, entry)
  if (path.length <= 100 && target.length <= 100) return last
  return Buffer.concat([
    ...(path.length > 100 ? [long(longTypes.path, path)] : []),
    ...(target.length > 100 ? [long(longTypes.target, target)] : []),
    last,
  ])
}

const nothing = Buffer.alloc(0)
const zeros = Buffer.alloc(block)

/** What comes after `size` bytes of content, up to the next header. */
export function tarPadding(size: number): Buffer {
  return zeros.subarray(0, (block - (size % block)) % block)
}

/** The end of an archive. */
export const tarEnd = Buffer.alloc(2 * block)

function long(type: string, text: Buffer): Buffer {
  const size = text.length + 1
  const name = Buffer.from('././@LongLink')
  const about = { mode: 0o644, mtimeMs: 0, size }
  const terminated = Buffer.concat([text, Buffer.alloc(1)])
  return Buffer.concat([
    header(type, name, nothing, about),
    terminated,
    tarPadding(terminated.length),
  ])
}

function header(
  type: string,
  path: Buffer,
  target: Buffer,
  { mode, mtimeMs, size = 0 }: Pick<TarEntry, 'mode' | 'mtimeMs' | 'size'>,
): Buffer {
  const bytes = Buffer.allocUnsafe(block).fill(0)
  path.copy(bytes, 0, 0, 100)
  const seconds = Math.min(8 ** 11 - 1, Math.max(0, Math.floor(mtimeMs / 1000)))
  const length = size < 8 ** 11 ? octal(size, 11) : '\0'.repeat(11)
  // The numbers of an owner mean nothing on another machine.
  const numbers = [octal(mode & 0o7777, 7), owner, owner, length, octal(seconds, 11)].join('\0')
  bytes.write(`${numbers}\0${' '.repeat(8)}${type}`, 100, 'latin1')
  if (size >= 8 ** 11) {
    bytes[124] = 0x80
    bytes.writeBigUInt64BE(BigInt(size), 128)
  }
  target.copy(bytes, 157, 0, 100)
  // GNU's own magic, as the long names are.
  bytes.write('ustar  \0', 257, 'latin1')
  let sum = 0
  for (let at = 0; at < used; at++) sum += bytes[at] as number
  bytes.write(`${octal(sum, 6)}\0 `, 148, 'latin1')
  return bytes
}

const owner = '0000000'
/** What is behind the magic is empty. */
const used = 265

const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')
