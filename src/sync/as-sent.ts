/** Which files of a listing are still what a seed has just sent. */
import type { TreePath } from '../tree.ts'
import type { SentFiles } from './seed.ts'
import { tickSeconds } from './vantage.ts'

/**
 * The digest of the file that `line` of GNU find is about, if it cannot be another: its size and mtime are
 * those that were sent, and its ctime is older than the moment from which on others could see it. Only good
 * where ctimes are those of the sandbox's clock.
 */
export function digestAsSent(line: string, path: string, sent: SentFiles): string | undefined {
  const [, size, changed, modified] = /^f [0-7]+ (\d+) \d+ (-?[\d.]+) (-?\d+)/.exec(line) ?? []
  const file = sent.files.get(path as TreePath)
  if (file === undefined || Number(size) !== file.size) return undefined
  if (Number(modified) !== file.mtimeSeconds) return undefined
  return Number(changed) < sent.seconds - tickSeconds ? file.digest : undefined
}
