/** Regular files of the host, opened so that nothing else is ever waited for. */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs'

export interface OpenFile {
  readonly descriptor: number
  readonly stats: Stats
}

const flags =
  constants.O_RDONLY |
  constants.O_NOFOLLOW |
  (constants.O_NONBLOCK ?? 0) |
  (constants.O_NOCTTY ?? 0)

/**
 * Opens it for reading; whoever asks closes it. What is opened may be of any kind: a FIFO or a device that
 * took a file's place does not block. `ELOOP` for a link.
 */
export function openFile(path: string): OpenFile {
  const descriptor = openSync(path, flags)
  try {
    return { descriptor, stats: fstatSync(descriptor) }
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

/** Calls `use` with the file as `openFile` gives it, and closes it. */
export function withFile<T>(path: string, use: (file: OpenFile) => T): T {
  const file = openFile(path)
  try {
    return use(file)
  } finally {
    closeSync(file.descriptor)
  }
}

/** Everything that is in the file, or undefined when that is more than `limitBytes`. */
export function readWhole({ descriptor, stats }: OpenFile, limitBytes: number): Buffer | undefined {
  if (stats.size > limitBytes) return undefined
  // One more than expected: the last read then finds the end at once.
  let bytes = Buffer.allocUnsafeSlow(stats.size + 1)
  let used = 0
  for (;;) {
    if (used === bytes.length) {
      bytes = Buffer.concat([bytes], Math.min(limitBytes + 1, Math.max(used * 2, 65_536)))
      if (used === bytes.length) return undefined
    }
    const count = readSync(descriptor, bytes, used, bytes.length - used, null)
    if (count === 0) return bytes.subarray(0, used)
    used += count
    if (used > limitBytes) return undefined
  }
}

/** `length` bytes from `offset`, fewer at the end of the file. */
export function readRange({ descriptor }: OpenFile, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length)
  let used = 0
  while (used < length) {
    const count = readSync(descriptor, bytes, used, length - used, offset + used)
    if (count === 0) break
    used += count
  }
  return bytes.subarray(0, used)
}

/** `digestOf` what is in the file, without holding all of it. */
export function digestOfFile(file: OpenFile): string {
  const hash = createHash('sha256')
  for (const chunk of chunks(file)) hash.update(chunk)
  return hash.digest('hex')
}

const chunkBytes = 1024 * 1024

/**
 * The file's bytes in turn; each is valid until the next is asked for. Of one that grows meanwhile little more than it had:
 * whoever can write to it could make it larger than can ever be read.
 */
export function* chunks({ descriptor, stats }: OpenFile): Generator<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(Math.max(stats.size, 4096), chunkBytes))
  // Some file systems say of every file that it is empty.
  const most = Math.max(stats.size, chunkBytes)
  for (let read = 0; read <= most; ) {
    const count = readSync(descriptor, buffer, 0, buffer.length, null)
    if (count === 0) return
    read += count
    yield buffer.subarray(0, count)
  }
}
