/** The files of a user's and a machine's SSH settings: nothing is waited for, and none is held that is no such file. */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { configInvalid, shown } from '../../errors.ts'

const limitBytes = 16 * 1024 * 1024
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)

/**
 * The text of the file; nothing where it cannot be read, and of a device as /dev/null. `CONFIG_INVALID` for a FIFO, and
 * for a file of more than 16 MiB. `check` may refuse it.
 */
export function textOf(path: string, check?: (stats: Stats) => void): string {
  return bytesOf(path, check)?.toString('utf8') ?? ''
}

/** The same as bytes, and undefined where it cannot be read, as a directory cannot. */
export function bytesOf(path: string, check?: (stats: Stats) => void): Buffer | undefined {
  let descriptor: number
  try {
    descriptor = openSync(path, flags)
  } catch {
    return undefined
  }
  try {
    const stats = fstatSync(descriptor)
    check?.(stats)
    if (stats.isFIFO()) refuse(path, 'is a FIFO')
    if (stats.size > limitBytes) refuse(path, `has ${stats.size} bytes, more than ${limitBytes}`)
    if (stats.isDirectory()) return undefined
    return stats.isFile() ? readFileSync(descriptor) : Buffer.alloc(0)
  } finally {
    closeSync(descriptor)
  }
}

function refuse(path: string, why: string): never {
  throw configInvalid(
    `${shown(path)} ${why}, and is not read for SSH`,
    'Name a file there that holds the text itself, or take it out of the ssh_config.',
  )
}
