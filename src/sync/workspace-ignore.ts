/**
 * What the `.gitignore` files of the host's tree leave out of a sync, where that is wanted: of both sides
 * alike, and a pattern for directories fits files too, so that it does not depend on what either has.
 */
import { readFileSync } from 'node:fs'
import { byteText, type IgnorePattern, matches, parseIgnoreLine } from '../ignore/pattern.ts'
import { type TreePath, treeRoot } from '../tree.ts'
import type { LeavingOut } from './seed-archive.ts'
import { copied, Pace, type Steps } from './slices.ts'
import { type Entry, parentOf, type Scan, type Snapshot } from './snapshot.ts'
import { knownDifference, noteDifference } from './snapshot-differences.ts'
import type { SyncRules } from './sync-rules.ts'

const fileName = '.gitignore'

interface IgnoreFile {
  readonly digest: string
  /** The last one first. */
  readonly patterns: readonly IgnorePattern[]
}

interface Filtered {
  readonly of: Snapshot
  readonly made: Snapshot
}

/** Two of each side, as what was agreed on is of the pass before. */
const mostLatest = 4

export class WorkspaceIgnore {
  readonly #host: string
  /** By the directory that the file is in. */
  #files = new Map<TreePath, IgnoreFile>()
  #verdicts = new Map<TreePath, boolean>()
  #filtered = new WeakMap<Scan, Scan>()
  /** The latest of them, of both sides. */
  #latest: readonly Filtered[] = []

  /** `host` is the real path of the tree. */
  constructor(host: string) {
    this.#host = host
  }

  /** Reads the ignore files that are in `snapshot`, which nothing was left out of by them, as far as they are not known. */
  *learn(snapshot: Snapshot): Steps<void> {
    const pace = new Pace()
    const files = new Map<TreePath, IgnoreFile>()
    let isNew = false
    for (const [path, entry] of snapshot) {
      if (pace.isDue) yield
      if (entry.kind !== 'file' || !(path === fileName || path.endsWith(`/${fileName}`))) continue
      const directory = parentOf(path)
      const known = this.#files.get(directory)
      if (known?.digest === entry.digest) {
        files.set(directory, known)
        continue
      }
      isNew = true
      files.set(directory, { digest: entry.digest, patterns: this.#read(path) })
    }
    if (!isNew && files.size === this.#files.size) return
    this.#files = files
    this.#verdicts = new Map()
    this.#filtered = new WeakMap()
    this.#latest = []
  }

  /** Reads the ignore file of one directory, for a walk that comes to it before what is in it. */
  entering(directory: TreePath): void {
    const path = directory === treeRoot ? fileName : `${directory}/${fileName}`
    const patterns = this.#read(path as TreePath)
    if (patterns.length > 0) this.#files.set(directory, { digest: '', patterns })
  }

  /** Whether `path` or a directory it is in is left out. */
  leavesOut(path: TreePath): boolean {
    if (path === treeRoot || this.#files.size === 0) return false
    const known = this.#verdicts.get(path)
    if (known !== undefined) return known
    const verdict = this.leavesOut(parentOf(path)) || this.#isNamed(path)
    this.#verdicts.set(path, verdict)
    return verdict
  }

  /** The same scan without what is left out. Where it differs from one that was filtered lately is known of both then. */
  *filtered(scan: Scan): Steps<Scan> {
    const known = this.#filtered.get(scan)
    if (known !== undefined) return known
    const snapshot = (yield* this.#changed(scan.snapshot)) ?? (yield* this.#whole(scan.snapshot))
    const problems = scan.problems.filter(({ path }) => !this.leavesOut(path))
    const made = { snapshot, problems }
    this.#filtered.set(scan, made)
    this.#filtered.set(made, made)
    this.#latest = [{ of: scan.snapshot, made: snapshot }, ...this.#latest].slice(0, mostLatest)
    return made
  }

  *#whole(of: Snapshot): Steps<Snapshot> {
    const pace = new Pace()
    const snapshot = new Map<TreePath, Entry>()
    for (const [path, entry] of of) {
      if (pace.isDue) yield
      if (!this.leavesOut(path)) snapshot.set(path, entry)
    }
    return snapshot
  }

  /** The latest that is known to differ at a few paths, with these as they are now. */
  *#changed(of: Snapshot): Steps<Snapshot | undefined> {
    for (const latest of this.#latest) {
      const paths = knownDifference(latest.of, of)
      if (paths === undefined) continue
      if (paths.size === 0) return latest.made
      const snapshot = yield* copied(latest.made)
      for (const path of paths) snapshot.delete(path)
      for (const path of paths) {
        const entry = of.get(path)
        if (entry !== undefined && !this.leavesOut(path)) snapshot.set(path, entry)
      }
      noteDifference(latest.made, snapshot, paths)
      return snapshot
    }
    return undefined
  }

  /** The nearest file decides, and in it the last pattern that fits. */
  #isNamed(path: TreePath): boolean {
    const whole = byteText(path)
    const name = whole.slice(whole.lastIndexOf('/') + 1)
    for (let directory = path; directory !== treeRoot; ) {
      directory = parentOf(directory)
      const patterns = this.#files.get(directory)?.patterns ?? []
      const relative = directory === treeRoot ? whole : whole.slice(byteText(directory).length + 1)
      for (const { negated, nameOnly, tokens } of patterns) {
        if (matches(tokens, nameOnly ? name : relative)) return !negated
      }
    }
    return false
  }

  #read(path: TreePath): IgnorePattern[] {
    try {
      const text = readFileSync(`${this.#host}/${path}`, 'latin1').replace(/^\xef\xbb\xbf/, '')
      return text
        .split('\n')
        .flatMap((line) => parseIgnoreLine(line) ?? [])
        .reverse()
    } catch {
      // There is none, or none any more.
      return []
    }
  }
}

/** What neither a seed nor a sync takes along: `rules`, and the tree's own ignore files where wanted. */
export function leavingOut(rules: SyncRules, ignore: WorkspaceIgnore | undefined): LeavingOut {
  if (ignore === undefined) return rules
  return {
    leavesOut: (path) => rules.leavesOut(path) || ignore.leavesOut(path),
    entering: (directory) => ignore.entering(directory),
  }
}
