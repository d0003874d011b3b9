/** The snapshot that the lines of a sandbox come to. */
import { type TreePath, treePath } from '../../tree.ts'
import { isTemporaryName } from '../../trees/temporary-name.ts'
import { copied, Pace, type Steps, sorted } from '../slices.ts'
import { type Entry, type Problem, parentOf, reasons, type Scan } from '../snapshot.ts'
import { noteDifference } from '../snapshot-differences.ts'
import type { SyncRules } from '../sync-rules.ts'
import { factsOf, isNote, placeOf } from './lines.ts'

/** What is known of a sandbox: its lines by key, and by path the digests of files and the targets of links. */
export interface KnownLines {
  readonly lines: ReadonlyMap<string, string>
  readonly contents: ReadonlyMap<string, string>
}

/** A listing has each directory before what is in it, as this needs them; what was found since may be behind. */
export function* scanOf({ lines, contents }: KnownLines, rules: SyncRules): Steps<Scan> {
  const scan = yield* scanInOrder(lines, contents, rules, false)
  if (scan !== undefined) return scan
  const inOrder = yield* sorted(lines, ([key]) => key)
  return (yield* scanInOrder(inOrder, contents, rules, true)) as Scan
}

/** Undefined where it depends on the order of the keys, unless they are `sorted`. */
function* scanInOrder(
  lines: Iterable<readonly [string, string]>,
  contents: KnownLines['contents'],
  rules: SyncRules,
  isSorted: boolean,
): Steps<Scan | undefined> {
  const pace = new Pace()
  /** Of what has none in the snapshot. */
  const parents = new Set<TreePath>()
  const snapshot = new Map<TreePath, Entry>()
  const problems: Problem[] = []
  const problem = (path: string, reason: string) => {
    problems.push({ path: treePath(path), side: 'sandbox', reason })
  }
  for (const [key, line] of lines) {
    if (pace.isDue) yield
    if (isNote(line)) {
      if (!isSorted) return undefined
      const path = placeOf(line).path as TreePath
      if (path !== '' && !snapshot.has(path)) continue
      // The name cannot be told: this one stands for all such names of the directory.
      if (line.startsWith('!')) problem(path === '' ? '\n' : `${path}/\n`, reasons.newline)
      else problem(path, reasons.denied)
      if (line.startsWith('?')) snapshot.delete(path)
      continue
    }
    const path = key as TreePath
    if (!isIn(snapshot, path)) {
      parents.add(parentOf(path))
      continue
    }
    if (!isSorted && parents.has(path)) return undefined
    if (isLeftOut(path, line, rules)) continue
    const entry = entryOf(path, line, contents.get(path))
    if (typeof entry === 'string') problem(path, entry)
    else snapshot.set(path, entry)
  }
  return { snapshot, problems }
}

/**
 * The same from the scan before and the paths that have changed since, each directory before what is in it.
 * Undefined where there are problems: those are told by a look at all lines.
 */
export function* nextScan(
  { snapshot: before, problems }: Scan,
  touched: readonly string[],
  known: KnownLines,
  rules: SyncRules,
): Steps<Scan | undefined> {
  if (problems.length > 0) return undefined
  if (touched.length === 0) return { snapshot: before, problems }
  const snapshot = yield* copied(before)
  for (const path of touched as readonly TreePath[]) snapshot.delete(path)
  for (const path of touched as readonly TreePath[]) {
    const line = known.lines.get(path)
    if (line === undefined || !isIn(snapshot, path) || isLeftOut(path, line, rules)) continue
    const entry = entryOf(path, line, known.contents.get(path))
    if (typeof entry === 'string') return undefined
    snapshot.set(path, entry)
  }
  noteDifference(before, snapshot, touched as readonly TreePath[])
  return { snapshot, problems }
}

/** Files and links that were there and could not be read. */
export function unreadIn({ problems }: Scan): Set<TreePath> {
  return new Set(problems.flatMap(({ path, reason }) => (reason === reasons.failed ? path : [])))
}

function isIn(snapshot: ReadonlyMap<TreePath, Entry>, path: TreePath): boolean {
  const parent = parentOf(path)
  return parent === '' || snapshot.get(parent)?.kind === 'directory'
}

const isLeftOut = (path: TreePath, line: string, rules: SyncRules) =>
  rules.leavesOut(path, () => factsOf(line)?.kind === 'directory') ||
  isTemporaryName(path.slice(path.lastIndexOf('/') + 1))

/** What a line is about; or why that cannot be synced. */
function entryOf(path: TreePath, line: string, content: string | undefined): Entry | string {
  const facts = factsOf(line)
  if (path.includes('\ufffd')) return reasons.notUtf8
  if (facts?.kind === 'directory') return { kind: 'directory' }
  if (facts?.kind === 'other' || facts === undefined) return reasons.special
  if (content === undefined) return reasons.failed
  if (facts.kind === 'file') {
    return { kind: 'file', digest: content, executable: facts.executable }
  }
  if (content.includes('\ufffd')) return reasons.notUtf8
  if (content.includes('\n')) return reasons.newline
  return { kind: 'link', target: content }
}
