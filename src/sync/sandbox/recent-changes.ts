/**
 * What has changed below a root, worked out from the lines of what is recent and from those that are known.
 * Undefined is doubt: then everything has to be listed.
 */

import { Pace, type Steps } from '../slices.ts'
import { factsOf, isNote } from './lines.ts'

/** A name that is not of one line, or not UTF-8, is for the listing to tell. */
const isOdd = (line: string) => /[\n\ufffd]/.test(line)

export interface RecentChanges {
  /** Of all that is new or different, by path; the root's own path is ''. */
  readonly lines: ReadonlyMap<string, string>
  /** Whose names have to be listed: what is not there any more is in none of the lines. */
  readonly directories: readonly string[]
  readonly files: readonly string[]
  readonly links: readonly string[]
}

/** `root` is the line of the root itself, if it is known. */
export function recentChanges(
  recent: readonly string[],
  known: ReadonlyMap<string, string>,
  root: string | undefined,
): RecentChanges | undefined {
  const lines = new Map<string, string>()
  const [directories, files, links]: [string[], string[], string[]] = [[], [], []]
  for (const line of recent) {
    if (isOdd(line)) return undefined
    const start = line.indexOf(' ./')
    if (start < 0 && !line.endsWith(' .')) return undefined
    const path = start < 0 ? '' : line.slice(start + 3)
    if ((path === '' ? root : known.get(path)) === line) continue
    lines.set(path, line)
    const kind = factsOf(line)?.kind
    if (kind === 'directory') directories.push(path)
    else if (kind === 'file') files.push(path)
    else if (kind === 'link') links.push(path)
    else return undefined
  }
  return { lines, directories, files, links }
}

/** What is to be made of the lines that were known: these are gone, and then these are new or different, by path. */
export interface Merged {
  readonly gone: readonly string[]
  readonly lines: ReadonlyMap<string, string>
}

/**
 * `listed` has the lines of all that is in the changed directories. Each has to be known or recent: what is
 * neither was moved in from elsewhere, with all below it.
 */
export function* mergeRecent(
  changes: RecentChanges,
  listed: readonly string[],
  known: ReadonlyMap<string, string>,
): Steps<Merged | undefined> {
  const pace = new Pace()
  const present = new Set<string>()
  for (const line of listed) {
    const start = line.indexOf(' ./')
    if (isOdd(line) || start < 0) return undefined
    const path = line.slice(start + 3)
    if (known.get(path) !== line && changes.lines.get(path) !== line) return undefined
    present.add(path)
  }
  const relisted = new Set(changes.directories)
  const isRelisted = isInOneOf(changes.directories)
  const gone = new Set<string>()
  for (const [path, line] of changes.lines) {
    if (path === '') continue
    // What is new is in a directory that is recent; if its name is not there it is gone again.
    if (!relisted.has(parentIn(path))) {
      if (!known.has(path)) return undefined
    } else if (!present.has(path)) gone.add(path)
    const before = known.get(path)
    if (before !== undefined && kindOf(before) !== kindOf(line)) gone.add(path)
  }
  for (const [key, line] of relisted.size === 0 ? [] : known) {
    if (pace.isDue) yield
    if (!isRelisted(key)) continue
    if (isNote(line)) return undefined
    if (!present.has(key)) gone.add(key)
  }
  const allGone: string[] = []
  for (const key of gone.size === 0 ? [] : known.keys()) {
    if (pace.isDue) yield
    if (isIn(key, gone)) allGone.push(key)
  }
  const lines = new Map<string, string>()
  for (const [path, line] of changes.lines) {
    if (path === '' || (relisted.has(parentIn(path)) && !present.has(path))) continue
    lines.set(path, line)
  }
  return { gone: allGone, lines }
}

const kindOf = (line: string) => factsOf(line)?.kind

const parentIn = (key: string) => key.slice(0, Math.max(0, key.lastIndexOf('/')))

/** So many directories are looked for one by one: the name of each one's directory would be a string more. */
const fewDirectories = 4

/** Tells whether what it is given is directly in one of those. */
function isInOneOf(directories: readonly string[]): (key: string) => boolean {
  if (directories.length > fewDirectories) {
    const all = new Set(directories)
    return (key) => all.has(parentIn(key))
  }
  // The keys of the root's notes begin with a slash.
  const isLast = (key: string, at: number) => key.indexOf('/', Math.max(1, at)) === -1
  const prefixes = directories.map((path) => (path === '' ? '' : `${path}/`))
  return (key) => prefixes.some((prefix) => key.startsWith(prefix) && isLast(key, prefix.length))
}

/** Whether `key` or a directory that it is in is among those. */
function isIn(key: string, paths: ReadonlySet<string>): boolean {
  for (let at = key; at !== ''; at = parentIn(at)) if (paths.has(at)) return true
  return false
}
