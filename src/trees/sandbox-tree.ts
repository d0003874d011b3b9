/** The files under one directory inside a sandbox, reached by one script for each operation. */
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { cancelled } from '../errors.ts'
import { fileDenied, fileNotFound, readOnlyHere, sameFileTwice } from '../file-errors.ts'
import type { Shortcut } from '../scripts/script.ts'
import {
  type ByteRange,
  type Change,
  type FileContent,
  type ListedEntry,
  type Replaced,
  readLimitBytes,
  type Stat,
  type Tree,
  type TreePath,
} from '../tree.ts'
import { ContentCache } from './content-cache.ts'
import { GatheredReads, type ReadInMany } from './gathered-reads.ts'
import { applyFunctions, applyScript } from './sandbox-apply-script.ts'
import { factsOf, isExecutable, kindOf } from './sandbox-facts.ts'
import { readFailed, wasEnded, writeFailed } from './sandbox-failure.ts'
import { manyChanges, manyScript } from './sandbox-many-changes.ts'
import { readManyScript } from './sandbox-many-scripts.ts'
import {
  blockOf,
  gathered,
  gatheredBytes,
  listed,
  manyRead,
  oneRead,
  told,
} from './sandbox-reads.ts'
import {
  listScript,
  readFunctions,
  readScript,
  statScript,
  walkFunctions,
} from './sandbox-scripts.ts'
import {
  listShortcut,
  readManyShortcut,
  readShortcut,
  replaceShortcut,
  statShortcut,
} from './sandbox-shortcuts.ts'

/**
 * Runs a POSIX sh script inside to its end, as `sh -c`, with all of `stdin` on its standard input.
 * Rejects only when it did not run to its end (`SANDBOX_LOST`, `CANCELLED`). A script that ends
 * before it has read its input is no failure. `functions` come before it, and may have been read already:
 * a script that has them keeps to what `Attendant.run` asks for. `shortcut` does the same, and need not be taken.
 */
export type ScriptRunner = (
  script: string,
  stdin?: Uint8Array | Readable,
  signal?: AbortSignal,
  functions?: string,
  shortcut?: Shortcut,
) => Promise<{ readonly code: number; readonly stdout: Buffer; readonly stderr: string }>

export interface SandboxTreeOptions {
  /**
   * Absolute inside the sandbox, or what tells it once the sandbox is open; it is asked at every
   * operation. In the tree of `/` nothing can lead out.
   */
  readonly root: string | (() => Promise<string>)
  /** Who takes turns with each other, where the sandbox shares its `/tmp` with others. */
  readonly lock?: string
  /** Refuses every change. */
  readonly readOnly?: boolean
}

/** What all scripts of trees share. */
export const treeFunctions = walkFunctions + readFunctions + applyFunctions

/**
 * A `Tree` inside a sandbox. It needs sh, cat, head, dd (with `iflag=fullblock`), stat, sha256sum, mv,
 * rm, ln, cp, mkdir, rmdir, chmod, chown, readlink, find and sleep there, cmp to leave alone what is the
 * same, and df and tail to say why a disk refused; BusyBox has them all. Where all of perl is, what is ordinary needs none.
 *
 * The boundary is the sandbox: a link swapped while a script runs can at most lead to other files
 * of the sandbox. Content is flushed before it takes its place; the rename is not. Names that are
 * not UTF-8 are not listed. Servers on one sandbox take turns by a lock file in its `/tmp`, which
 * one that died there does not keep.
 */
export class SandboxTree implements Tree {
  readonly #run: ScriptRunner
  readonly #root: () => Promise<string>
  readonly #lock: string | undefined
  readonly #readOnly: boolean
  readonly #seen = new ContentCache()
  readonly #reads = new GatheredReads<TreePath, FileContent>((paths) => this.#readMany(paths))

  constructor(run: ScriptRunner, { root, lock, readOnly = false }: SandboxTreeOptions) {
    this.#run = run
    this.#root = typeof root === 'string' ? async () => root : root
    this.#lock = lock
    this.#readOnly = readOnly
  }

  async stat(path: TreePath): Promise<Stat> {
    const stdout = await this.#ask(
      path,
      (root) => statScript(root, path),
      (root) => statShortcut(root, path),
    )
    const { mode, size, modifiedMs } = factsOf(stdout.toString())
    const kind = kindOf(mode)
    return {
      kind: kind === 'link' ? 'other' : kind,
      size: kind === 'file' ? size : 0,
      modifiedMs,
      executable: isExecutable(mode),
    }
  }

  async read(path: TreePath, range?: ByteRange): Promise<FileContent> {
    const readAlone = () => this.#read(path, range)
    const isWhole = range === undefined || (range.offset === 0 && range.length > gatheredBytes)
    return isWhole ? this.#reads.read(path, readAlone) : readAlone()
  }

  async #read(path: TreePath, range?: ByteRange): Promise<FileContent> {
    const block = range === undefined ? 0 : blockOf(range)
    const plan = { limitBytes: readLimitBytes, range: range && { ...range, block } }
    const stdout = await this.#ask(
      path,
      (root) => readScript(root, path, plan),
      (root) => readShortcut(root, path, plan),
    )
    const found = oneRead(stdout, path, plan.range)
    if (found.bytes.length === found.size) this.#seen.put(path, found.bytes)
    return found
  }

  async #readMany(paths: readonly TreePath[]): Promise<readonly ReadInMany<FileContent>[]> {
    const token = randomBytes(18).toString('hex')
    const asked = paths.filter((path) => !isTooLong(path))
    const root = await this.#root()
    const { code, stdout } = await this.#run(
      readManyScript(root, asked, token, gathered),
      undefined,
      undefined,
      treeFunctions,
      readManyShortcut(root, asked, token, gatheredBytes),
    )
    // Each finds out by itself why.
    if (code !== 0) return []
    const found = manyRead(stdout, asked, token)
    for (const [path, one] of found) {
      if (one !== undefined && !(one instanceof Error)) this.#seen.put(path, one.bytes)
    }
    return paths.map((path) => found.get(path))
  }

  recall(path: TreePath): Buffer | undefined {
    return this.#seen.get(path)
  }

  async list(path: TreePath): Promise<readonly ListedEntry[]> {
    const stdout = await this.#ask(
      path,
      (root) => listScript(root, path),
      (root) => listShortcut(root, path),
    )
    return listed(stdout)
  }

  async apply(changes: readonly Change[], signal?: AbortSignal): Promise<void> {
    if (changes.length > 0) await this.#apply(changes, signal)
  }

  async replace(path: TreePath, bytes: Uint8Array, signal?: AbortSignal): Promise<Replaced> {
    const found = await this.#apply([{ path, before: 'anything', after: { bytes } }], signal, true)
    return found as Replaced
  }

  /** What the script printed. */
  async #apply(changes: readonly Change[], signal?: AbortSignal, compare = false): Promise<string> {
    const spelled = new Set<string>()
    for (const { path } of changes) {
      if (this.#readOnly) throw readOnlyHere(path)
      if (spelled.has(path)) throw sameFileTwice(path, path)
      if (isTooLong(path)) throw fileDenied(path, 'the name is too long')
      spelled.add(path)
    }
    if (signal?.aborted) throw cancelled('the change')
    const root = await this.#root()
    // Whatever becomes of it: what is refused is not recalled again.
    for (const { path } of changes) this.#seen.forget(path)
    const script = applyScript(root, changes, this.#lock, compare)
    const { code, stdout, stderr } = await (changes.length < manyChanges
      ? this.#runFew(script, root, changes, signal, compare)
      : this.#runMany(script, root, changes, signal))
    if (code === 0) {
      for (const { path, after } of changes)
        if (after !== 'absent') this.#seen.put(path, after.bytes)
      return stdout.toString()
    }
    if (signal?.aborted) throw cancelled('the change')
    throw writeFailed(
      changes.map(({ path }) => path),
      { code, stdout: stdout.toString(), stderr },
    )
  }

  #runFew(
    script: string,
    root: string,
    changes: readonly Change[],
    signal: AbortSignal | undefined,
    compare: boolean,
  ) {
    const parts = changes.flatMap(({ after }) => (after === 'absent' ? [] : [after.bytes]))
    const shortcut = replaceShortcut(root, changes, this.#lock, compare)
    return this.#run(script, stream(parts), signal, treeFunctions, shortcut)
  }

  #runMany(
    script: string,
    root: string,
    changes: readonly Change[],
    signal: AbortSignal | undefined,
  ) {
    const many = manyScript(root, changes, this.#lock ?? '', treeFunctions, script)
    return this.#run(many.script, stream(many.stdin), signal, undefined)
  }

  /** The script's output. */
  async #ask(
    path: TreePath,
    script: (root: string) => string,
    shortcut?: (root: string) => Shortcut | undefined,
  ): Promise<Buffer> {
    if (isTooLong(path)) throw fileNotFound(path)
    const root = await this.#root()
    const run = () => this.#run(script(root), undefined, undefined, treeFunctions, shortcut?.(root))
    const first = await run()
    // It has changed nothing: another may come to its end.
    const { code, stdout, stderr } = wasEnded(first.code) ? await run() : first
    if (code !== 0) throw readFailed(path, told(code, stdout.toString(), stderr))
    return stdout
  }
}

function stream(parts: readonly Uint8Array[]): Uint8Array | Readable | undefined {
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  if (parts.length <= 1) return parts[0]
  return size <= 1024 * 1024 ? Buffer.concat(parts) : Readable.from(parts)
}

/** What no Linux file system can hold. */
function isTooLong(path: string): boolean {
  return path.split('/').some((name) => Buffer.byteLength(name) > 255)
}
