/** Digests of files that need not be read again while their facts stay the same. */
import type { Stats } from 'node:fs'
import type { TreePath } from '../../tree.ts'
import { Pace, type Steps } from '../slices.ts'

/** The digest, if it is known; every scan keeps what it has seen and drops the rest. */
export class DigestCache {
  #known: Map<TreePath, Known>
  #seen = new Map<TreePath, Known>()

  /** With what `serialised` of an earlier one gave; anything else is as good as nothing. */
  constructor(serialised = '') {
    this.#known = read(serialised)
  }

  /** Undefined when the file may have changed since it was hashed. */
  digest(path: TreePath, stats: Stats): string | undefined {
    // A scan that was ended half way has not read in vain.
    const known = this.#known.get(path) ?? this.#seen.get(path)
    if (known === undefined || !sameFacts(known, stats)) return undefined
    this.#seen.set(path, known)
    return known.digest
  }

  /**
   * Remembers what was read while the facts were `stats`, both before and after. A change so close
   * to the reading that a second one could leave the same time stamps is not relied on.
   */
  add(path: TreePath, stats: Stats, digest: string, startedMs: number): void {
    const { size, mtimeMs, ctimeMs, ino, mode } = stats
    if (!isSettled(stats, startedMs) || mtimeMs >= startedMs - tickMs(ctimeMs)) return
    this.#seen.set(path, { size, mtimeMs, ctimeMs, ino, mode, digest })
  }

  /** By which facts the digest is known, if it is; the very same as long as they are. */
  facts(path: TreePath): Facts | undefined {
    return this.#seen.get(path) ?? this.#known.get(path)
  }

  /** Ends a scan: what it has not seen is gone. */
  turn(): void {
    this.#known = this.#seen
    this.#seen = new Map()
  }

  /** Ends a scan of a part: what it has not seen stays, but for what is `gone`. */
  *turnPart(gone: Iterable<TreePath>): Steps<void> {
    const pace = new Pace()
    for (const path of gone) this.#known.delete(path)
    for (const [path, known] of this.#seen) {
      if (pace.isDue) yield
      this.#known.set(path, known)
    }
    this.#seen = new Map()
  }

  /** As much as fits into `limitBytes`. */
  serialised(limitBytes: number): string {
    const lines: string[] = [header]
    let size = header.length
    for (const [path, { size: length, mtimeMs, ctimeMs, ino, mode, digest }] of this.#known) {
      const line = JSON.stringify([path, length, mtimeMs, ctimeMs, ino, mode, digest])
      size += Buffer.byteLength(line) + 1
      if (size > limitBytes) break
      lines.push(line)
    }
    return lines.join('\n')
  }
}

/** Whether a change after `startedMs` must get another ctime: only then the same ctime says that there was none. */
export function isSettled({ ctimeMs }: Pick<Stats, 'ctimeMs'>, startedMs: number): boolean {
  return ctimeMs < startedMs - tickMs(ctimeMs)
}

/** Some file systems count whole seconds, or two. */
const tickMs = (ctimeMs: number) => (ctimeMs % 1000 === 0 ? 2000 : 50)

/** Of a file, what another content changes. */
export type Facts = Pick<Stats, 'size' | 'mtimeMs' | 'ctimeMs' | 'ino' | 'mode'>

interface Known extends Facts {
  readonly digest: string
}

export function sameFacts(known: Facts, stats: Facts): boolean {
  return (
    known.size === stats.size &&
    known.mtimeMs === stats.mtimeMs &&
    known.ctimeMs === stats.ctimeMs &&
    known.ino === stats.ino &&
    known.mode === stats.mode
  )
}

const header = 'sandbox-mcp digests 1'

function read(serialised: string): Map<TreePath, Known> {
  const known = new Map<TreePath, Known>()
  const [first, ...lines] = serialised.split('\n')
  if (first !== header) return known
  try {
    for (const line of lines) {
      const [path, size, mtimeMs, ctimeMs, ino, mode, digest] = JSON.parse(line)
      known.set(path, { size, mtimeMs, ctimeMs, ino, mode, digest })
    }
  } catch {
    return new Map()
  }
  return known
}
