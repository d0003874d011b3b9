/** What a directory in the sandbox holds, told in one round trip. */
import { randomBytes } from 'node:crypto'
import { cancelled, scanFailed, syncRootMissing } from '../errors.ts'
import { type TreePath, treePath } from '../tree.ts'
import type { ScriptRunner } from '../trees/sandbox-tree.ts'
import { isTemporaryName } from '../trees/temporary-name.ts'
import { scanExits, scanScript } from './sandbox-scan-script.ts'
import { type Entry, type Problem, parentOf, reasons, type Scan } from './snapshot.ts'
import type { SyncRules } from './sync-rules.ts'

export interface SandboxScannerOptions {
  /** Absolute in the sandbox. */
  readonly root: string
  /** Absolute in the sandbox and outside of `root`: a listing is kept there between scans. */
  readonly stateDirectory: string
  readonly rules: SyncRules
}

/**
 * Scans one directory again and again; an answer holds what has changed since the last one. Needs
 * sh, find, stat, sort, uniq, cmp, sed, grep, tr, xargs, sha256sum, readlink and date there; BusyBox
 * has them all. One scan at a time. Nothing that the sandbox answers can name a path outside `root`.
 */
export class SandboxScanner {
  readonly #run: ScriptRunner
  readonly #options: SandboxScannerOptions
  /** Lines by path, of the listing that the sandbox keeps under `#listing`. */
  #lines = new Map<string, string>()
  #listing: string | undefined
  /** Digests of files and targets of links, by path. */
  #contents = new Map<string, string>()
  /** Files that were hashed so soon after a change that another could have left no trace. */
  #unsettled: string[] = []
  /** The latest, as long as nothing has changed since. */
  #latest: Scan | undefined

  constructor(run: ScriptRunner, options: SandboxScannerOptions) {
    this.#run = run
    this.#options = options
  }

  /** `SYNC_HALTED` when the directory is gone; `SANDBOX_LOST`, `CANCELLED` as the runner says. */
  async scan(signal?: AbortSignal): Promise<Scan> {
    const { root, stateDirectory } = this.#options
    const next = `listing-${randomBytes(8).toString('hex')}`
    const script = scanScript({ root, stateDirectory, since: this.#listing, next })
    const asked = Buffer.from(this.#unsettled.map((path) => `./${path}\n`).join(''))
    const { code, stdout, stderr } = await this.#run(script, asked, signal)
    if (signal?.aborted) throw cancelled('the sync')
    if (code === scanExits.noRoot) throw syncRootMissing('sandbox')
    const answer = code === 0 ? readAnswer(stdout) : undefined
    if (answer === undefined) throw scanFailed(code, stderr.trim())
    if (this.#learn(answer)) this.#latest = undefined
    this.#listing = next
    this.#latest ??= this.#scan()
    return this.#latest
  }

  /** Whether anything is different now. */
  #learn({ now, isAll, added, removed, digests, targets }: Answer): boolean {
    let isChanged = isAll || added.length > 0 || removed.length > 0
    if (isAll) {
      this.#lines = new Map()
      this.#contents = new Map()
    }
    const forget = (line: string) => {
      const { key, path } = placeOf(line)
      if (this.#lines.get(key) === line) this.#lines.delete(key)
      return path
    }
    for (const line of removed) this.#contents.delete(forget(line))
    for (const line of added) {
      const { key, path } = placeOf(line)
      this.#lines.set(key, line)
      this.#contents.delete(path)
    }
    for (const path of this.#unsettled) {
      if (digests.get(path) !== this.#contents.get(path)) isChanged = true
      this.#contents.delete(path)
    }
    for (const [path, digest] of digests) this.#contents.set(path, digest)
    for (const [path, target] of targets) this.#contents.set(path, target)
    this.#unsettled = [...digests.keys()].filter((path) => {
      const facts = factsOf(this.#lines.get(path) ?? '')
      return facts !== undefined && facts.changed >= now - 1
    })
    return isChanged
  }

  #scan(): Scan {
    const snapshot = new Map<TreePath, Entry>()
    const problems: Problem[] = []
    const problem = (path: string, reason: string) => {
      problems.push({ path: treePath(path), side: 'sandbox', reason })
    }
    for (const key of [...this.#lines.keys()].sort()) {
      const line = this.#lines.get(key) ?? ''
      const path = placeOf(line).path as TreePath
      if (isNote(line)) {
        if (path !== '' && !snapshot.has(path)) continue
        // The name cannot be told: this one stands for all such names of the directory.
        if (line.startsWith('!')) problem(path === '' ? '\n' : `${path}/\n`, reasons.newline)
        else problem(path, reasons.denied)
        if (line.startsWith('?')) snapshot.delete(path)
        continue
      }
      const name = path.slice(path.lastIndexOf('/') + 1)
      const parent = parentOf(path)
      if (parent !== '' && snapshot.get(parent)?.kind !== 'directory') continue
      if (this.#options.rules.leavesOut(path) || isTemporaryName(name)) continue
      const facts = factsOf(line)
      const content = this.#contents.get(path)
      if (path.includes('\ufffd')) problem(path, reasons.notUtf8)
      else if (facts?.kind === 'directory') snapshot.set(path, { kind: 'directory' })
      else if (facts?.kind === 'other' || facts === undefined) problem(path, reasons.special)
      else if (content === undefined) problem(path, reasons.failed)
      else if (facts.kind === 'file') {
        snapshot.set(path, { kind: 'file', digest: content, executable: facts.executable })
      } else if (content.includes('\ufffd')) problem(path, reasons.notUtf8)
      else if (content.includes('\n')) problem(path, reasons.newline)
      else snapshot.set(path, { kind: 'link', target: content })
    }
    return { snapshot, problems }
  }
}

interface Answer {
  /** The sandbox's clock, in seconds. */
  readonly now: number
  readonly isAll: boolean
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly digests: ReadonlyMap<string, string>
  readonly targets: ReadonlyMap<string, string>
}

/** Undefined for what the script does not print when it runs to its end. */
function readAnswer(stdout: Buffer): Answer | undefined {
  const text = stdout.toString()
  let at = 0
  const part = (): string[] => {
    // A line `.` ends a part: those of entries have ` ./`, and those of digests a digest.
    const end = text.startsWith('.\n', at) ? at : text.indexOf('\n.\n', at) + 1
    if (end === 0) throw new Error('the answer is cut short')
    const lines = text.slice(at, end).split('\n').slice(0, -1)
    at = end + 2
    return lines
  }
  try {
    const [now, what] = part()
    const added = part()
    const removed = part()
    const digests = new Map<string, string>()
    for (const line of part()) {
      const [, escaped, digest = '', name = ''] =
        /^(\\?)([0-9a-f]{64})..\.\/(.*)$/s.exec(line) ?? []
      if (digest !== '') digests.set(escaped ? unescaped(name) : name, digest)
    }
    const targets = new Map<string, string>()
    const links = text.slice(at).split('\0')
    for (let i = 0; i + 1 < links.length; i += 2) {
      targets.set((links[i] ?? '').slice(2), links[i + 1] ?? '')
    }
    return { now: Number(now), isAll: what === 'all', added, removed, digests, targets }
  } catch {
    return undefined
  }
}

/** GNU writes a backslash before the digest where it escapes the name. */
function unescaped(name: string): string {
  return name.replace(/\\([\\nr])/g, (_, char) =>
    char === 'n' ? '\n' : char === 'r' ? '\r' : '\\',
  )
}

/** What a line is about. Keys sort directories before what is in them, and notes behind theirs. */
function placeOf(line: string): { key: string; path: string } {
  const start = line.indexOf(' ./')
  const path = line.slice(start + 3)
  if (!isNote(line)) return { key: path, path }
  const directory = path.slice(0, -1)
  return { key: `${directory}/${line.slice(0, start)}`, path: directory }
}

/** Whether a line is about what is in a directory that it names. */
function isNote(line: string): boolean {
  return line.startsWith('! ') || line.startsWith('? ')
}

interface Facts {
  readonly kind: 'file' | 'link' | 'directory' | 'other'
  readonly executable: boolean
  /** Seconds of the ctime. */
  readonly changed: number
}

function factsOf(line: string): Facts | undefined {
  const byFind = /^(\w) ([0-7]+) \d+ \d+ (-?\d+)/.exec(line)
  if (byFind !== null) {
    const [, type = '', mode = '', changed] = byFind
    const kind = ({ f: 'file', l: 'link', d: 'directory' } as const)[type] ?? 'other'
    return { kind, executable: hasExecuteBit(Number.parseInt(mode, 8)), changed: Number(changed) }
  }
  const [, mode, changed] = /^([0-9a-f]+) \d+ \d+ (-?\d+)/.exec(line) ?? []
  if (mode === undefined) return undefined
  const bits = Number.parseInt(mode, 16)
  const kind = ({ 8: 'file', 10: 'link', 4: 'directory' } as const)[bits >> 12] ?? 'other'
  return { kind, executable: hasExecuteBit(bits), changed: Number(changed) }
}

function hasExecuteBit(mode: number): boolean {
  return (mode & 0o111) !== 0
}
