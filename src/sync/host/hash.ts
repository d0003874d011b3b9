/** The content of a file of the host, read without following a link and believed only if nobody wrote meanwhile. */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs'
import { chunks } from '../../trees/host-file.ts'
import type { Steps } from '../slices.ts'

const fileFlags =
  constants.O_RDONLY |
  constants.O_NOFOLLOW |
  (constants.O_NONBLOCK ?? 0) |
  (constants.O_NOCTTY ?? 0)

export interface Hashed {
  readonly digest: string
  /** The facts, before it was read and after. */
  readonly stats: Stats
  readonly startedMs: number
}

/**
 * Undefined when it changed while it was read, or is no file. `read` is told of the bytes. Throws what the system
 * says.
 */
export function* hashed(at: string, read: (bytes: number) => void): Steps<Hashed | undefined> {
  const startedMs = Date.now()
  const descriptor = openSync(at, fileFlags)
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) return undefined
    const hash = createHash('sha256')
    for (const chunk of chunks({ descriptor, stats })) {
      hash.update(chunk)
      read(chunk.length)
      if (chunk.length < stats.size) yield
    }
    const now = fstatSync(descriptor)
    if (now.mtimeMs !== stats.mtimeMs || now.ctimeMs !== stats.ctimeMs) return undefined
    return { digest: hash.digest('hex'), stats, startedMs }
  } finally {
    closeSync(descriptor)
  }
}
