/**
 * The host's directories looked at again: their names and the facts of their files are compared with what they
 * were, which costs the system calls and little else.
 */
import { type Dirent, lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs'
import { type TreePath, treeRoot } from '../../tree.ts'
import { errnoOf } from '../../trees/host-failure.ts'
import { Pace, type Steps } from '../slices.ts'
import { type Facts, sameFacts } from './digest-cache.ts'

/** What a name is: left out, a directory, the target of a link, or the facts by which a file's digest is known. */
export type KnownName =
  | 'left out'
  | 'directory left out'
  | 'directory'
  | { readonly target: string }
  | Facts
  | undefined

/** A directory as it was listed, in that order. */
export interface KnownDirectory {
  readonly names: readonly string[]
  readonly known: readonly KnownName[]
}

/** Directories by path. */
export type KnownDirectories = ReadonlyMap<TreePath, KnownDirectory>

/** One with more names is listed in pieces, which is not done here. */
const mostNames = 4096

/**
 * Those of the `directories` below `root` that are not, or may not be, as they were. Paths are followed as they
 * are spelled: what a link leads to, that is put in the way, has other facts. `looked` is told of entries.
 */
export function* otherDirectories(
  root: string,
  directories: KnownDirectories,
  looked: (entries: number) => void,
): Steps<TreePath[]> {
  const pace = new Pace()
  const others: TreePath[] = []
  for (const [path, { names, known }] of directories) {
    const at = path === treeRoot ? root : `${root}/${path}`
    const entries = names.length > mostNames ? undefined : namesIn(at)
    let isSame = entries?.length === names.length
    for (let i = 0; isSame && i < names.length; i++) {
      if (pace.isDue) yield
      isSame = isKnown(entries?.[i] as Dirent, names[i] as string, known[i], at)
    }
    looked(names.length)
    if (!isSame) others.push(path)
    yield
  }
  return others
}

function isKnown(entry: Dirent, name: string, known: KnownName, at: string): boolean {
  if (entry.name !== name || known === undefined) return false
  if (known === 'left out') return !entry.isDirectory()
  if (known === 'directory' || known === 'directory left out') return entry.isDirectory()
  if ('target' in known) return entry.isSymbolicLink() && targetOf(`${at}/${name}`) === known.target
  if (!entry.isFile()) return false
  const stats = factsAt(`${at}/${name}`)
  return stats?.isFile() === true && sameFacts(known, stats)
}

/** Those of what is there itself, a link or not; undefined for nothing, and where the system tells none. */
export function factsAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

function namesIn(at: string): Dirent[] | undefined {
  try {
    return readdirSync(at, { withFileTypes: true })
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

function targetOf(at: string): string | undefined {
  try {
    return readlinkSync(at)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

/** The paths of what is directly in a directory, as it was. */
export function* pathsIn(path: TreePath, directories: KnownDirectories): Iterable<TreePath> {
  const start = path === '' ? '' : `${path}/`
  for (const name of directories.get(path)?.names ?? []) yield `${start}${name}` as TreePath
}

/** Adds to `paths` the path and those of all that was below it. */
export function addTree(path: TreePath, directories: KnownDirectories, paths: Set<TreePath>): void {
  paths.add(path)
  for (const inner of pathsIn(path, directories)) addTree(inner, directories, paths)
}
