/**
 * What both sides of a workspace last agreed on, kept on the host. A file that cannot be believed
 * whole is not believed at all: without an ancestor a sync deletes nothing.
 */
import { createHash, randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setAside } from '../set-aside.ts'
import { type TreePath, treePath } from '../tree.ts'
import { errnoOf } from '../trees/host-failure.ts'
import { type Entry, parentOf, type Snapshot, sameSnapshot } from './snapshot.ts'

const version = 1

export interface KnownAncestor {
  /** Empty when nothing is known to have been agreed on. */
  readonly snapshot: Snapshot
  /** Where a file was put that is damaged, or that another version wrote. */
  readonly setAside?: string
}

export class AncestorFile {
  readonly #path: string
  readonly #pair: string
  /** What was read or written last, and how the file can be told from another. */
  #known: { readonly identity: string; readonly snapshot: Snapshot } | undefined

  /**
   * `pair` names both sides so that it is another when one of them is made anew: what was agreed on
   * with a sandbox that is gone says nothing about the next.
   */
  constructor(path: string, pair: string) {
    this.#path = path
    this.#pair = pair
  }

  /** The very same snapshot as long as nobody wrote another. Rejects when there is a file that may not be read. */
  async read(): Promise<KnownAncestor> {
    const identity = identityOf(this.#path)
    if (identity === this.#known?.identity) return { snapshot: this.#known.snapshot }
    let bytes: Buffer
    try {
      bytes = await readFile(this.#path)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return this.#learn('', new Map())
      throw error
    }
    const found = parse(bytes)
    if (found?.pair === this.#pair) return this.#learn(identity, found.snapshot)
    if (found !== undefined) return this.#learn(identity, new Map())
    return { snapshot: new Map(), setAside: setAside(this.#path) }
  }

  /** Replaces it whole: a crash at any time leaves the old or the new. Gives what `read` gives from now on. */
  async write(snapshot: Snapshot): Promise<Snapshot> {
    const known = this.#known
    if (known !== undefined && known.identity === identityOf(this.#path)) {
      if (known.identity !== '' && sameSnapshot(known.snapshot, snapshot)) return known.snapshot
    }
    const made = `${this.#path}.${randomBytes(6).toString('hex')}`
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    try {
      const file = await open(made, 'wx', 0o600)
      try {
        await file.writeFile(serialise(this.#pair, snapshot))
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(made, this.#path)
      return this.#learn(identityOf(this.#path), snapshot).snapshot
    } catch (error) {
      await rm(made, { force: true })
      throw error
    }
  }

  #learn(identity: string, snapshot: Snapshot): KnownAncestor {
    this.#known = { identity, snapshot }
    return { snapshot }
  }

  /** Nothing is agreed on any more. */
  async forget(): Promise<void> {
    await rm(this.#path, { force: true })
  }
}

/** '' where there is no file. A file that was replaced is another, whatever its time says. */
function identityOf(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? '' : [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join()
}

function serialise(pair: string, snapshot: Snapshot): string {
  const lines: string[] = []
  for (const [path, entry] of snapshot) lines.push(`${JSON.stringify([path, ...fields(entry)])}\n`)
  const body = lines.join('')
  const header = { version, pair, entries: snapshot.size, sha256: sha256(body) }
  return `${JSON.stringify(header)}\n${body}`
}

function fields(entry: Entry): readonly unknown[] {
  switch (entry.kind) {
    case 'file':
      return ['file', entry.digest, entry.executable]
    case 'link':
      return ['link', entry.target]
    case 'directory':
      return ['directory']
  }
}

/** Undefined for anything that `serialise` did not make. */
function parse(bytes: Buffer): { pair: string; snapshot: Snapshot } | undefined {
  const end = bytes.indexOf('\n')
  if (end < 0) return undefined
  try {
    const header = JSON.parse(bytes.toString('utf8', 0, end))
    const body = bytes.subarray(end + 1)
    if (header.version !== version || header.sha256 !== sha256(body)) return undefined
    const snapshot = new Map<TreePath, Entry>()
    for (const line of body.toString().split('\n').slice(0, -1)) {
      const [path, kind, content, executable] = JSON.parse(line)
      snapshot.set(treePath(path), entryOf(kind, content, executable))
    }
    const isClosed = [...snapshot.keys()].every(
      (path) => parentOf(path) === '' || snapshot.get(parentOf(path))?.kind === 'directory',
    )
    return isClosed ? { pair: header.pair, snapshot } : undefined
  } catch {
    return undefined
  }
}

function entryOf(kind: string, content: string, executable: boolean): Entry {
  if (kind === 'file') return { kind, digest: content, executable }
  if (kind === 'link') return { kind, target: content }
  return { kind: 'directory' }
}

function sha256(body: string | Uint8Array): string {
  return createHash('sha256').update(body).digest('hex')
}
