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
  const target = Buffer.from(entry.target ?? '')
  return Buffer.concat([
    ...(path.length > 100 ? [long(longTypes.path, path)] : []),
    ...(target.length > 100 ? [long(longTypes.target, target)] : []),
    header(types[entry.kind], path, target, entry),
  ])
}

/** What comes after `size` bytes of content, up to the next header. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((block - (size % block)) % block)
}

/** The end of an archive. */
export const tarEnd = Buffer.alloc(2 * block)

function long(type: string, text: Buffer): Buffer {
  const size = text.length + 1
  const name = Buffer.from('././@LongLink')
  const about = { mode: 0o644, mtimeMs: 0, size }
  const terminated = Buffer.concat([text, Buffer.alloc(1)])
  return Buffer.concat([
    header(type, name, Buffer.alloc(0), about),
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
  const bytes = Buffer.alloc(block)
  path.copy(bytes, 0, 0, Math.min(path.length, 100))
  bytes.write(octal(mode & 0o7777, 7), 100)
  // The numbers of an owner mean nothing on another machine.
  bytes.write(octal(0, 7), 108)
  bytes.write(octal(0, 7), 116)
  if (size < 8 ** 11) bytes.write(octal(size, 11), 124)
  else {
    bytes[124] = 0x80
    bytes.writeBigUInt64BE(BigInt(size), 128)
  }
  bytes.write(octal(Math.min(8 ** 11 - 1, Math.max(0, Math.floor(mtimeMs / 1000))), 11), 136)
  bytes.write(' '.repeat(8), 148)
  bytes.write(type, 156)
  target.copy(bytes, 157, 0, Math.min(target.length, 100))
  // GNU's own magic, as the long names are.
  bytes.write('ustar  \0', 257, 'latin1')
  let sum = 0
  for (const byte of bytes) sum += byte
  bytes.write(`${octal(sum, 6)}\0 `, 148)
  return bytes
}

const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')
