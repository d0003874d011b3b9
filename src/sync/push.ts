/** Carries a plan's changes of the sandbox there, with what they need of the host, as one stream. */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { basename } from 'node:path/posix'
import { Readable } from 'node:stream'
import { cancelled, syncInterrupted, syncRootMissing } from '../errors.ts'
import type { Sandbox } from '../sandbox.ts'
import { runScript } from '../script.ts'
import type { TreePath } from '../tree.ts'
import { errnoOf } from '../trees/host-failure.ts'
import { chunks } from '../trees/host-file.ts'
import { temporaryName } from '../trees/temporary-name.ts'
import type { Unmade } from './host-apply.ts'
import { HostParents } from './host-parents.ts'
import { type PushVerb, pushExits, pushScript } from './push-script.ts'
import type { SyncChange } from './reconcile.ts'
import type { Entry } from './snapshot.ts'
import { tarEnd, tarHeader, tarPadding } from './tar-archive.ts'
import type { TransferProgress } from './transfer-progress.ts'

export interface PushSource {
  /** Real absolute path of the host's tree, which holds the new content at the very paths. */
  readonly root: string
  /** Of what is to be sent, as far as it is known. */
  readonly bytes: number
  readonly progress: TransferProgress
}

/** What is no more than this goes with the commands: a connection of its own would cost more. */
const smallBytes = 1024 * 1024

/** Room for many small files in one write. */
const batchBytes = 256 * 1024
const fileFlags = constants.O_RDONLY | constants.O_NOFOLLOW | (constants.O_NONBLOCK ?? 0)

/**
 * Makes `changes` at `root`, absolute in the sandbox. What cannot be read as the plan has it any more is stale and not sent. Rejects with `SYNC_INTERRUPTED`
 * when nothing can be known to have been done; what is there is whole all the same.
 */
export async function push(
  sandbox: Sandbox,
  root: string,
  changes: readonly SyncChange[],
  source: PushSource,
  signal: AbortSignal,
): Promise<Unmade> {
  const unmade = { stale: new Set<TreePath>(), refused: new Map<TreePath, string>() }
  if (changes.length === 0) return unmade
  const lines: Line[] = []
  const archive = Readable.from(archiveOf(changes, source, unmade, lines), { objectMode: false })
  let broken: unknown
  archive.once('error', (error) => {
    broken = error
  })
  const halt = new AbortController()
  archive.once('error', () => halt.abort())
  const script = pushScript(root, temporaryName())
  let answer: Awaited<ReturnType<typeof runScript>>
  try {
    const traffic = source.bytes > smallBytes ? 'bulk' : 'command'
    const either = AbortSignal.any([signal, halt.signal])
    answer = await runScript(sandbox, script, archive, either, traffic)
  } catch (error) {
    if (broken !== undefined) throw broken
    if (signal.aborted) throw cancelled('the sync')
    throw error
  } finally {
    archive.destroy()
  }
  const { code, stdout, stderr } = answer
  const told = stdout.toString().split('\n')
  if (code === pushExits.noRoot) throw syncRootMissing('sandbox')
  if (code !== 0 || told.at(-2) !== 'done') throw syncInterrupted('sandbox', reasonOf(code, stderr))
  for (const line of told.slice(0, -2)) {
    const [word, number] = line.split(' ')
    const path = lines[Number(number) - 1]?.path
    if (path === undefined) continue
    if (word === 'denied') unmade.refused.set(path, 'permission denied')
    else unmade.stale.add(path)
  }
  return unmade
}

function reasonOf(code: number, stderr: string): string {
  const said = stderr.trim().split('\n').slice(-3).join('; ')
  if (code === pushExits.cut) return 'the transfer was cut'
  return said === '' ? `exit code ${code}` : said
}

interface Line {
  readonly verb: PushVerb
  readonly before: Entry | 'nothing' | 'seen to'
  readonly path: TreePath
}

/** The plan's lines, in an order in which they can be carried out. */
function planLines(changes: readonly SyncChange[]): Line[] {
  const phases: Record<'rm' | 'rmdir' | 'mkdir' | 'put' | 'mode', Line[]> = {
    rm: [],
    rmdir: [],
    mkdir: [],
    put: [],
    mode: [],
  }
  for (const { path, before, after } of changes) {
    if (before?.kind === 'file' && after?.kind === 'file' && before.digest === after.digest) {
      phases.mode.push({ verb: after.executable ? '+x' : '-x', before, path })
      continue
    }
    const isReplaced = before !== undefined && before.kind !== 'directory'
    if (isReplaced && after !== undefined && after.kind !== 'directory') {
      phases.put.push({ verb: 'put', before, path })
      continue
    }
    if (before?.kind === 'directory') phases.rmdir.push({ verb: 'rmdir', before: 'seen to', path })
    else if (before !== undefined) phases.rm.push({ verb: 'rm', before, path })
    const free = before === undefined ? 'nothing' : 'seen to'
    if (after?.kind === 'directory') phases.mkdir.push({ verb: 'mkdir', before: free, path })
    else if (after !== undefined) phases.put.push({ verb: 'new', before: free, path })
  }
  const byPlace = (a: Line, b: Line) => (placeOf(a) < placeOf(b) ? -1 : 1)
  return [
    ...phases.rm.sort(byPlace),
    ...phases.rmdir,
    ...phases.mkdir,
    ...phases.put.sort(byPlace),
    ...phases.mode.sort(byPlace),
  ]
}

/** Sorts what can be carried out together next to each other. */
function placeOf({ verb, path }: Line): string {
  return `${path.slice(0, Math.max(0, path.lastIndexOf('/')))}\0${verb}\0${path}`
}

/** The files and links below `new/`, then the plan: of that, only what was sent as it should be. */
async function* archiveOf(
  changes: readonly SyncChange[],
  source: PushSource,
  { stale }: Unmade,
  lines: Line[],
): AsyncGenerator<Buffer> {
  const parents = new HostParents(source.root)
  try {
    yield* entriesOf(changes, source, stale, parents)
  } finally {
    parents.close()
  }
  lines.push(...planLines(changes.filter(({ path }) => !stale.has(path))))
  const plan = Buffer.from(lines.map(lineText).join(''))
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
    for (const directory of parentsOf(path)) {
      if (made.has(directory)) continue
      made.add(directory)
      batch.add(tarHeader({ path: `new/${directory}`, kind: 'directory', mode: 0o700, mtimeMs: 0 }))
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

function lineText({ verb, before, path }: Line): string {
  if (before === 'nothing') return `${verb} - ./${path}\n`
  if (before === 'seen to' || before.kind === 'directory') return `${verb} = ./${path}\n`
  if (before.kind === 'link') return `${verb} @ ./${path}\n${before.target}\n`
  return `${verb} ${before.digest} ./${path}\n`
}

function* parentsOf(path: TreePath): Generator<string> {
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) yield path.slice(0, at)
}
