/** Which files of a listing are still what a seed has just sent. */
import { type TreePath, treeRoot } from '../../tree.ts'
import type { ScanAnswer } from '../sandbox/answers.ts'
import { isFile, linesOf, placeOf, readDigests } from '../sandbox/lines.ts'
import { tickSeconds } from '../sandbox/vantage.ts'
import { bytesOf, inSlices, Pace, type Steps, united } from '../slices.ts'
import { type Entry, parentOf, type Snapshot } from '../snapshot.ts'
import type { SyncRules } from '../sync-rules.ts'
import type { SentFiles } from './seed.ts'

type AsSent = Pick<SentFiles, 'seconds' | 'files'>

/**
 * The digest of the file that `line` of GNU find is about, if it cannot be another: its size and mtime are
 * those that were sent, and its ctime is older than the moment from which on others could see it. Only good
 * where ctimes are those of the sandbox's clock.
 */
export function digestAsSent(line: string, path: string, sent: AsSent): string | undefined {
  const file = sent.files.get(path as TreePath)
  const [kind, , size, , changed, modified] = line.split(' ', 6)
  if (file === undefined || kind !== 'f' || Number(size) !== file.size) return undefined
  if (Math.floor(Number(modified)) !== file.mtimeSeconds) return undefined
  return Number(changed) < sent.seconds - tickSeconds ? file.digest : undefined
}

/**
 * What both sides have agreed on when nothing else was agreed on yet: what the sandbox, as it was looked at, has just as it was
 * sent. What the host has changed since then is a change of the host's.
 */
export function* agreedAsSent(
  sandbox: Snapshot,
  { files, entries }: Pick<SentFiles, 'files' | 'entries'>,
): Steps<Snapshot> {
  const pace = new Pace()
  const agreed = new Map<TreePath, Entry>()
  for (const sent of entries) {
    if (pace.isDue) yield
    const path = sent.path as TreePath
    const entry = sandbox.get(path)
    if (entry?.kind !== sent.kind) continue
    if (entry.kind === 'file' && entry.digest !== files.get(path)?.digest) continue
    if (entry.kind === 'link' && entry.target !== sent.target) continue
    agreed.set(path, entry)
  }
  return agreed
}

/** Digests by path. */
export interface Compared {
  /** Of what can have left the same line in no other way. */
  readonly known: Map<string, string>
  readonly hashed: ReadonlyMap<string, string>
}

/**
 * Digests of the files in a listing: of those that are there as they were sent, and of the rest, if `rules` do not
 * leave them out. `hash` is given paths for `digestScript`, and resolves with what that prints. Without `sent` all are
 * hashed, as where `digestAsSent` is not good.
 */
export async function comparedWith(
  sent: AsSent | undefined,
  { added, digests }: Pick<ScanAnswer, 'added' | 'digests'>,
  rules: Pick<SyncRules, 'leavesOut'>,
  hash: (paths: Uint8Array) => Promise<Buffer>,
  signal: AbortSignal | undefined,
): Promise<Compared> {
  const { known, asked } = await inSlices(setApart(added, sent, digests, rules), signal)
  if (asked.length === 0) return { known, hashed: digests }
  const paths = await inSlices(
    bytesOf(asked, (path) => `./${path}\n`),
    signal,
  )
  const lines = await inSlices(linesOf(await hash(paths)), signal)
  const told = await inSlices(readDigests(lines), signal)
  return { known, hashed: await inSlices(united(digests, told), signal) }
}

/** What is known as it was sent, and paths of which neither that nor what was `told` is enough. */
function* setApart(
  lines: readonly string[],
  sent: AsSent | undefined,
  told: ReadonlyMap<string, string>,
  rules: Pick<SyncRules, 'leavesOut'>,
): Steps<{ known: Map<string, string>; asked: readonly string[] }> {
  const pace = new Pace()
  const known = new Map<string, string>()
  const asked: string[] = []
  for (const line of lines) {
    if (pace.isDue) yield
    if (!isFile(line)) continue
    const { path } = placeOf(line)
    if (told.has(path)) continue
    const digest = sent && digestAsSent(line, path, sent)
    if (digest !== undefined) known.set(path, digest)
    else if (!isLeftOut(path, rules)) asked.push(path)
  }
  return { known, asked }
}

/** Whether the rules leave out the file at `path` or a directory that it is in. */
function isLeftOut(path: string, rules: Pick<SyncRules, 'leavesOut'>): boolean {
  for (let at: TreePath = path as TreePath; at !== treeRoot; at = parentOf(at))
    if (rules.leavesOut(at, () => at !== path)) return true
  return false
}
