/** Which files of a listing are still what a seed has just sent. */
import { type TreePath, treeRoot } from '../tree.ts'
import { isFile, placeOf } from './sandbox-lines.ts'
import type { SentFiles } from './seed.ts'
import { Pace, type Steps } from './slices.ts'
import { parentOf } from './snapshot.ts'
import type { SyncRules } from './sync-rules.ts'
import { tickSeconds } from './vantage.ts'

/**
 * The digest of the file that `line` of GNU find is about, if it cannot be another: its size and mtime are
 * those that were sent, and its ctime is older than the moment from which on others could see it. Only good
 * where ctimes are those of the sandbox's clock.
 */
export function digestAsSent(line: string, path: string, sent: SentFiles): string | undefined {
  const file = sent.files.get(path as TreePath)
  const facts = /^f [0-7]+ (\d+) \d+ (-?[\d.]+) (-?\d+)/.exec(line)
  if (file === undefined || facts === null || Number(facts[1]) !== file.size) return undefined
  if (Number(facts[3]) !== file.mtimeSeconds) return undefined
  return Number(facts[2]) < sent.seconds - tickSeconds ? file.digest : undefined
}

/** What is known of the files of a listing, and what has to be hashed there. */
export interface AsSent {
  /** Digests by path. */
  readonly known: Map<string, string>
  /** Paths of the rest, each a line for `digestScript`. */
  readonly asked: readonly string[]
}

/**
 * Sorts the files in `lines` but for those of which no digest is needed: `told` has it, or `rules` leave them out.
 * Without `sent` nothing else is known, as where `digestAsSent` is not good.
 */
export function* asSent(
  lines: readonly string[],
  sent: SentFiles | undefined,
  told: ReadonlyMap<string, string>,
  rules: Pick<SyncRules, 'leavesOut'>,
): Steps<AsSent> {
  const pace = new Pace()
  const known = new Map(told)
  const asked: string[] = []
  for (const line of lines) {
    if (pace.isDue) yield
    if (!isFile(line)) continue
    const { path } = placeOf(line)
    if (known.has(path)) continue
    const digest = sent && digestAsSent(line, path, sent)
    if (digest !== undefined) known.set(path, digest)
    else if (!isLeftOut(path, rules)) asked.push(`./${path}\n`)
  }
  return { known, asked }
}

/** Whether the rules leave out `path` or a directory that it is in. */
function isLeftOut(path: string, rules: Pick<SyncRules, 'leavesOut'>): boolean {
  for (let at: TreePath = path as TreePath; at !== treeRoot; at = parentOf(at))
    if (rules.leavesOut(at)) return true
  return false
}

/**
 * What can be none of them, as a list for `scanScript`: what is at the top gets another ctime when it is put there,
 * which others may see.
 */
export function seenEarly({ files }: SentFiles): string[] {
  return [...files.keys()].filter((path) => !path.includes('/'))
}
