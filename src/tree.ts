/**
 * Files under one directory, on the host or inside a sandbox, and the one currency of writing them.
 *
 * `write`, `edit` and `apply_patch` make `Change`s; a `Tree` applies them, all or none. Nothing
 * outside a tree can be named: a `TreePath` has no way to say so, and links that lead out are
 * refused when they are met.
 */
import { createHash } from 'node:crypto'
import { pathInvalid, pathOutside } from './file-errors.ts'

/** Relative, normalised, `/`-separated; `''` is the tree's own directory. Only `treePath` makes one. */
export type TreePath = string & { readonly TreePath: unique symbol }

/** The tree's own directory. */
export const treeRoot = '' as TreePath

/**
 * Normalises `path` (relative, `.` and `..` allowed as long as they stay inside).
 * Refuses an absolute path and one that climbs out (`PATH_OUTSIDE`), NUL bytes, and lone surrogates
 * that no file system could store (`ARGUMENT_INVALID`).
 */
export function treePath(path: string): TreePath {
  if (path.includes('\0')) throw pathInvalid(path, 'it holds a NUL byte')
  if (!path.isWellFormed()) throw pathInvalid(path, 'it is not well-formed Unicode')
  if (path.startsWith('/')) throw pathOutside(path, 'it is absolute')
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) throw pathOutside(path)
  }
  return parts.join('/') as TreePath
}

/** No program can open what a longer path names. */
const longestPathBytes = 4095

/** `treePath` of what a client wrote. A path of half a million directories would keep everybody waiting. */
export function givenPath(path: string): TreePath {
  if (path.length > longestPathBytes || Buffer.byteLength(path) > longestPathBytes) {
    throw pathInvalid(path, `it is longer than ${longestPathBytes} bytes, as no path can be`)
  }
  return treePath(path)
}

export interface Stat {
  readonly kind: 'file' | 'directory' | 'other'
  readonly size: number
  readonly modifiedMs: number
  readonly executable: boolean
}

export interface FileContent {
  readonly bytes: Buffer
  /** Size of the whole file, also when only a range was read. */
  readonly size: number
  readonly modifiedMs: number
  readonly executable: boolean
}

export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/** A name in a directory. A link is told as a link, with where it says it leads. */
export interface ListedEntry {
  readonly name: string
  readonly kind: 'file' | 'directory' | 'link' | 'other'
  /** Bytes, for a file. */
  readonly size: number
  readonly modifiedMs: number
  readonly target?: string
}

/**
 * What a change relies on. A digest is `digestOf` the whole file's bytes as they were read, so a file of more than
 * `readLimitBytes` has none.
 */
export type Before = 'absent' | 'anything' | { readonly digest: string }

/**
 * What the path becomes. A file that exists keeps its mode and owner; a new one gets what the
 * process's umask and the workspace's owner give, and is executable if asked.
 */
type After = 'absent' | { readonly bytes: Uint8Array; readonly executable?: boolean }

/** One write, and what it relies on. Stale once `before` no longer holds. */
export interface Change {
  readonly path: TreePath
  readonly before: Before
  readonly after: After
}

/** What was there before `Tree.replace`: no file, one of the same bytes, or another. */
export type Replaced = 'absent' | 'same' | 'other'

/**
 * The files under one directory.
 *
 * Paths follow links as long as they stay inside the tree; one that leads out is `PATH_OUTSIDE`, at
 * any place of the path, at any time, and nothing is read, made or changed there. Errors name paths
 * relative to the tree, or as results do where a workspace gave it away, and never the host's.
 */
export interface Tree {
  /** `FILE_NOT_FOUND` when there is nothing, or a link that leads nowhere. */
  stat(path: TreePath): Promise<Stat>
  /**
   * The bytes of a regular file, or of a range of it (cut at its end; empty beyond it).
   * `FILE_NOT_FOUND`, `NOT_A_FILE` (directories, sockets, FIFOs, devices: never blocks on one), and
   * `FILE_TOO_LARGE` when more than `readLimitBytes` would be returned.
   */
  read(path: TreePath, range?: ByteRange): Promise<FileContent>
  /**
   * What the whole file held when this tree last read or wrote it, where reading it takes long and it is still known. It
   * may hold something else by now: a change that is worked out from it relies on its digest, and where that is
   * `FILE_STALE` it is not recalled again.
   */
  recall?(path: TreePath): Buffer | undefined
  /** The names in one directory, in byte order, links not followed. `NOT_A_FILE` for a file. */
  list(path: TreePath): Promise<readonly ListedEntry[]>
  /**
   * Checks every `before`, then writes all. If one does not hold nothing is written and
   * `FILE_STALE` (or `FILE_EXISTS` where `absent` was relied on) names it; if the disk fails half
   * way what was written is put back. Missing parent directories are made. A file is replaced
   * whole and durably, and no reader ever sees half of one. Through an inside link the file it
   * leads to is written; `after: 'absent'` removes the link itself. `NOT_A_FILE` for a directory.
   */
  apply(changes: readonly Change[], signal?: AbortSignal): Promise<void>
  /**
   * Makes a file hold `bytes`, as `apply` does by a change that relies on nothing, and tells what was there.
   * One that holds them already is left as it is.
   */
  replace(path: TreePath, bytes: Uint8Array, signal?: AbortSignal): Promise<Replaced>
}

/** The most that one `read` returns. */
export const readLimitBytes = 64 * 1024 * 1024

/** Identifies a file's content in `Before`. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
