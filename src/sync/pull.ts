/** Brings files of the sandbox into the host's stage, as one stream. */
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { cancelled, isSandboxError } from '../errors.ts'
import { quote } from '../posix-sh.ts'
import type { ScriptStream, Scripts } from '../scripts/script.ts'
import { settledWithin } from '../settled-within.ts'
import type { TreePath } from '../tree.ts'
import { deniedReason, errnoOf } from '../trees/host-failure.ts'
import type { HostStage, StagedFile } from './host/stage.ts'
import { bytesOf, inSlices } from './slices.ts'
import { fetchInterrupted, syncInterrupted, transferCut } from './sync-errors.ts'
import { type IncomingEntry, tarEntries } from './tar-entries.ts'
import type { TransferProgress } from './transfer-progress.ts'
import type { Wanted } from './wanted.ts'

/** So few and small files go with the commands: a connection of its own would cost more. */
const fewFiles = 8
const smallBytes = 1024 * 1024
/** What is no more than this is not worth a stream. It is more by the time it is fetched at worst. */
const fewBytes = 128 * 1024
/** How long what has said its last may take to end. */
const endMs = 1000

/**
 * The files at `paths` below `root` (absolute in the sandbox), and those that were `told`, durable on the host but not in
 * place. What is not there (any more), or is no file, is not in the answer. Nothing that the sandbox sends can name another place: it is taken by what
 * was asked for. `SYNC_INTERRUPTED` when the stream is cut or the host's disk refuses; `SANDBOX_LOST` where commands went the
 * same way.
 */
export async function pull(
  scripts: Scripts,
  root: string,
  { paths, told, bytes }: Wanted,
  stage: HostStage,
  progress: TransferProgress,
  signal: AbortSignal,
): Promise<Map<TreePath, StagedFile>> {
  const files = new Map<TreePath, StagedFile>()
  try {
    for (const [path, { content, mode, mtimeMs }] of told) {
      files.set(path, await stage.add(counted([content], progress), mode, mtimeMs))
      progress.fileDone()
    }
    if (paths.size === 0) await stage.settle()
  } catch (error) {
    throw interrupted(error, signal)
  }
  if (paths.size === 0) return files
  const asked = new Set<string>()
  const lineOf = (path: TreePath) => {
    asked.add(path)
    return `./${path}\n`
  }
  const list = await inSlices(bytesOf(paths, lineOf), signal)
  const isSmall = paths.size <= fewFiles && bytes <= smallBytes
  const traffic = isSmall ? 'command' : 'bulk'
  const stream =
    isSmall && bytes <= fewBytes
      ? await atOnce(scripts, pullScript(root, paths), signal)
      : await scripts.stream(listedPullScript(root), list, signal, traffic)
  try {
    for await (const entry of tarEntries(stream.stdout)) {
      const path = entry.path.replace(/^\.\//, '') as TreePath
      if (!asked.delete(path)) continue
      const content = contentOf(entry, files)
      if (content === undefined) continue
      files.set(path, await stage.add(counted(content, progress), entry.mode, entry.mtimeMs))
      progress.fileDone()
    }
    await stage.settle()
    const { code, stderr } = await stream.end
    if (code !== 0) throw new Error(stderr.trim() || `exit code ${code}`)
    return files
  } catch (error) {
    const loss = isLoss(error) ? error : await lossOf(stream)
    stream.close()
    if (loss === undefined || signal.aborted) throw interrupted(error, signal)
    throw isSmall ? loss : transferCut(loss)
  }
}

/** Why nothing more comes, where what would send it can be reached no more. */
async function lossOf({ stdout, end }: ScriptStream): Promise<unknown> {
  if (!stdout.readableEnded || !(await settledWithin(end, endMs))) return undefined
  return end.then(
    () => undefined,
    (error: unknown) => (isLoss(error) ? error : undefined),
  )
}

const isLoss = (error: unknown) => isSandboxError(error, 'SANDBOX_LOST')

function interrupted(error: unknown, signal: AbortSignal): Error {
  if (signal.aborted) return cancelled('the sync')
  const errno = errnoOf(error)
  if (errno !== undefined) return syncInterrupted('host', deniedReason(errno), error)
  return fetchInterrupted((error as Error).message, error)
}

async function* counted(
  content: AsyncIterable<Buffer> | readonly Buffer[],
  progress: TransferProgress,
): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    yield chunk
    progress.moved(chunk.length)
  }
}

/** A hard link repeats a file that came before it. */
function contentOf(
  entry: IncomingEntry,
  files: ReadonlyMap<TreePath, StagedFile>,
): AsyncIterable<Buffer> | undefined {
  if (entry.kind === 'file') return entry.content
  if (entry.kind !== 'hard link') return undefined
  const first = files.get(entry.target.replace(/^\.\//, '') as TreePath)
  return first && createReadStream(first.at)
}

/** What a script prints, when it has. */
async function atOnce(
  scripts: Scripts,
  script: string,
  signal: AbortSignal,
): Promise<ScriptStream> {
  const { stdout, code, stderr } = await scripts.run(script, undefined, signal)
  return {
    stdout: Readable.from([stdout], { objectMode: false }),
    end: Promise.resolve({ code, stderr }),
    close: () => {},
  }
}

const opening = (root: string) => `LC_ALL=C
export LC_ALL
cd -P ${quote(root)} || exit 79`

/** Of paths that fit the command line. */
function pullScript(root: string, paths: Iterable<TreePath>): string {
  const words = [...paths].map((path) => quote(`./${path}`)).join(' ')
  return `${opening(root)}
tar --no-recursion -cf - ${words} 2>/dev/null
exit 0`
}

/** Of the paths on stdin: several archives one after another, where they do not fit one command line. */
function listedPullScript(root: string): string {
  return `${opening(root)}
tr '\\n' '\\0' | xargs -0 tar --no-recursion -cf - 2>/dev/null
exit 0`
}
