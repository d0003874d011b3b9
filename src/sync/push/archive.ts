/** What a push sends: the new files and links of the host, and last the plan, as one archive. */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { basename } from 'node:path/posix'
import type { TreePath } from '../../tree.ts'
import { errnoOf } from '../../trees/host-failure.ts'
import { chunks } from '../../trees/host-file.ts'
import { HostParents } from '../host/parents.ts'
import type { SyncChange } from '../reconcile/reconcile.ts'
import { bytesOf, chosen, inSlices } from '../slices.ts'
import type { Entry } from '../snapshot.ts'
import { tarEnd, tarHeader, tarPadding } from '../tar-archive.ts'
import type { TransferProgress } from '../transfer-progress.ts'
import { lineText, type PushLine, planLines } from './plan.ts'

export interface PushSource {
  /** Real absolute path of the host's tree, which holds the new content at the very paths. */
  readonly root: string
  /** Of what is to be sent, as far as it is known. */
  readonly bytes: number
  readonly progress: TransferProgress
}

/** Room for many small files in one write. */
const batchBytes = 256 * 1024
const fileFlags = constants.O_RDONLY | constants.O_NOFOLLOW | (constants.O_NONBLOCK ?? 0)

/**
 * The files and links below `new/`, directories for what they replace below `old/`, then the plan: of that, only what was sent as it should be. `planned` is
 * told its lines before they are sent.
 */
export async function* archiveOf(
  changes: readonly SyncChange[],
  source: PushSource,
  stale: Set<TreePath>,
  planned: (lines: readonly PushLine[]) => void,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const parents = new HostParents(source.root)
  try {
    yield* entriesOf(changes, source, stale, parents)
  } finally {
    parents.close()
  }
  const isSent = ({ path }: SyncChange) => !stale.has(path)
  const sent = await inSlices(chosen(changes, isSent), signal)
  const lines = await inSlices(planLines(sent), signal)
  planned(lines)
  const plan = await inSlices(bytesOf(lines, lineText), signal)
  const about = { mode: 0o600, mtimeMs: 0, size: plan.length }
  yield Buffer.concat([
    tarHeader({ path: 'plan', kind: 'file', ...about }),
    plan,
    tarPadding(plan.length),
    tarEnd,
  ])
}

async function* entriesOf(
  changes: readonly SyncChange[],
  source: PushSource,
  stale: Set<TreePath>,
  parents: HostParents,
): AsyncGenerator<Buffer> {
  const batch = new Batch()
  const made = new Set<string>()
  for (const change of changes) {
    const { path, before, after } = change
    if (after === undefined || after.kind === 'directory') continue
    if (before?.kind === 'file' && after.kind === 'file' && before.digest === after.digest) continue
    // Where what is replaced is kept meanwhile.
    const roots = before === undefined ? ['new'] : ['new', 'old']
    for (const directory of roots.flatMap((root) => [...parentsOf(`${root}/${path}`)].slice(1))) {
      if (made.has(directory)) continue
      made.add(directory)
      batch.add(tarHeader({ path: directory, kind: 'directory', mode: 0o700, mtimeMs: 0 }))
    }
    if (after.kind === 'link') {
      const { target } = after
      batch.add(tarHeader({ path: `new/${path}`, kind: 'link', mode: 0o777, mtimeMs: 0, target }))
    } else if (!(yield* sendFile(path, after, source, parents, batch))) stale.add(path)
    if (batch.isFull) yield batch.take()
  }
  yield batch.take()
}

/** False when the file is not what the plan says: it may have been sent, and is then not in the plan. */
async function* sendFile(
  path: TreePath,
  entry: Extract<Entry, { kind: 'file' }>,
  { progress }: PushSource,
  parents: HostParents,
  batch: Batch,
): AsyncGenerator<Buffer, boolean> {
  let descriptor: number
  try {
    const place = parents.of(path)?.at(basename(path))
    if (place === undefined) return false
    descriptor = openSync(place, fileFlags)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) return false
    const { size, mtimeMs } = stats
    const executable = entry.executable ? 0o111 : 0
    const mode = (stats.mode & 0o666) | ((stats.mode | 0o100) & executable)
    batch.add(tarHeader({ path: `new/${path}`, kind: 'file', mode, mtimeMs, size }))
    const hash = createHash('sha256')
    let left = size
    for (const chunk of chunks({ descriptor, stats })) {
      const part = chunk.subarray(0, left)
      // It grows while it is read.
      if (part.length < chunk.length) break
      hash.update(chunk)
      batch.add(Buffer.from(part))
      left -= part.length
      progress.moved(part.length)
      if (batch.isFull) yield batch.take()
    }
    const isWhole = left === 0
    // What was announced cannot be taken back.
    for (; left > 0; left -= Math.min(left, batchBytes)) {
      batch.add(Buffer.alloc(Math.min(left, batchBytes)))
      if (batch.isFull) yield batch.take()
    }
    batch.add(tarPadding(size))
    progress.fileDone()
    return isWhole && hash.digest('hex') === entry.digest
  } finally {
    closeSync(descriptor)
  }
}

class Batch {
  #pieces: Buffer[] = []
  #size = 0

  add(...pieces: readonly Buffer[]): void {
    for (const piece of pieces) {
      this.#pieces.push(piece)
      this.#size += piece.length
    }
  }

  get isFull(): boolean {
    return this.#size >= batchBytes
  }

  take(): Buffer {
    const all = Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#size = 0
    return all
  }
}

function* parentsOf(path: string): Generator<string> {
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) yield path.slice(0, at)
}
