/**
 * What a directory in the sandbox holds. All of it is listed once; after that, where it is safe, only what has
 * changed lately is asked for.
 */
import { randomBytes } from 'node:crypto'
import { cancelled } from '../../errors.ts'
import type { Foretold, Shortcut } from '../../scripts/script.ts'
import type { TreePath } from '../../tree.ts'
import type { ScriptRunner } from '../../trees/sandbox-tree.ts'
import { comparedWith } from '../seed/as-sent.ts'
import type { SentFiles } from '../seed/seed.ts'
import { inSlices } from '../slices.ts'
import type { Scan } from '../snapshot.ts'
import { scanFailed, syncRootMissing } from '../sync-errors.ts'
import { syncFunctions } from '../sync-functions.ts'
import type { SyncRules } from '../sync-rules.ts'
import {
  type DetailAnswer,
  detailsAbout,
  type RecentAnswer,
  readDetail,
  readRecent,
  readScan,
  type ScanAnswer,
} from './answers.ts'
import { SandboxKnowledge } from './knowledge.ts'
import { sizeOf } from './lines.ts'
import { areFew, Halves } from './recent-bounds.ts'
import { mergeRecent, type RecentChanges, recentChanges } from './recent-changes.ts'
import { detailScript, recentCall } from './recent-scripts.ts'
import { fewEnough, nothingRecent } from './recent-shortcut.ts'
import { digestScript, newListing, scanExits, scanScript } from './scan-script.ts'
import { nextScan, scanOf, unreadIn } from './snapshot.ts'
import { fitting, type ToldFile, toldFiles } from './told-files.ts'
import { isLocal, isSteady, type Moment, youngerThan } from './vantage.ts'

export interface SandboxScannerOptions {
  /** Absolute in the sandbox. */
  readonly root: string
  /** Absolute in the sandbox and outside of `root`: a listing is kept there between scans. */
  readonly stateDirectory: string
  readonly rules: SyncRules
  /** What the root was just filled with: of that the first scan needs no digests, where it is as it came. */
  readonly sent?: SentFiles | undefined
}

/** After more than this has changed all is listed once more. */
const manyLines = 2_000

/** So often a listing may be disturbed by what another server has left running, and a look by what goes away meanwhile. */
const attempts = 3

/**
 * Scans one directory again and again; an answer holds what has changed since the last one. Needs
 * sh, find, stat, sort, uniq, cmp, sed, grep, head, tr, xargs, sha256sum, readlink and date there; BusyBox
 * has them all. One scan at a time. Nothing that the sandbox answers can name a path outside `root`.
 */
export class SandboxScanner {
  readonly #run: ScriptRunner
  readonly #options: SandboxScannerOptions
  readonly #known = new SandboxKnowledge()
  /** How the files of a look at what is recent begin: no other server's do. */
  readonly #beside: string
  /** Under which name the sandbox keeps the listing that an answer is relative to. */
  #listing: string | undefined
  /** Of the root itself. */
  #rootLine: string | undefined
  /** When it was looked last, where what is recent since then can be told. */
  #moment: Moment | undefined
  readonly #halves = new Halves()
  /** What is recent is a listing of its own then. */
  #wereMany = false
  /** Until the first scan. */
  #sent: SentFiles | undefined
  /** By path; of the latest look alone. */
  #told: ReadonlyMap<string, ToldFile> = new Map()
  /** Since the latest look. */
  #came: readonly TreePath[] = []
  /** Could not be read: what went away meanwhile is gone with the next look. */
  #unread: ReadonlySet<TreePath> = new Set()
  /** The latest, as long as nothing has changed since. */
  #latest: Scan | undefined

  constructor(run: ScriptRunner, options: SandboxScannerOptions) {
    this.#run = run
    this.#options = options
    this.#sent = options.sent
    this.#beside = `${options.stateDirectory}/look-${randomBytes(8).toString('hex')}`
  }

  /** `SYNC_HALTED` when the directory is gone; `SANDBOX_LOST`, `CANCELLED` as the runner says. */
  async scan(signal?: AbortSignal): Promise<Scan> {
    this.#told = new Map()
    for (let attempt = 1; ; attempt++) {
      if (!(await this.#scanRecent(signal))) await this.#scanWhole(signal)
      this.#latest ??= await inSlices(scanOf(this.#known, this.#options.rules), signal)
      const before = this.#unread
      this.#unread = unreadIn(this.#latest)
      const isRead = [...this.#unread].every((path) => before.has(path))
      if (!isRead && attempt < attempts) continue
      this.#came = []
      return this.#latest
    }
  }

  /** What the next scan begins with, as things are now; undefined when it lists all. */
  async foretell(signal: AbortSignal): Promise<Foretold | undefined> {
    return this.#moment && this.#recentQuestion(this.#moment, signal)
  }

  /** How large the file at `path` was when it was looked at; 0 for what was not there. */
  sizeOf(path: TreePath): number {
    return sizeOf(this.#known.lines.get(path) ?? '')
  }

  /** The file at `path` as it was looked at, where that has told it. */
  toldOf(path: TreePath): ToldFile | undefined {
    return fitting(this.#told.get(path), this.#known.contents.get(path))
  }

  /** To be told of what the host has sent: the next look does not tell what is in it. */
  came(paths: readonly TreePath[]): void {
    this.#came = paths
  }

  async #scanWhole(signal: AbortSignal | undefined): Promise<void> {
    const { root } = this.#options
    const sent = this.#sent
    this.#sent = undefined
    const next = sent?.listing.name ?? newListing()
    const first = sent && (await inSlices(readScan(sent.listing.printed), signal))
    const answer = first ?? (await this.#list(next, signal))
    const moment = answer.moment && isLocal(answer.root, answer.moment) ? answer.moment : undefined
    const hash = async (paths: Uint8Array) =>
      (await this.#ask(digestScript(root), paths, signal)).stdout
    const { known, hashed } =
      sent === undefined || first === undefined
        ? { known: undefined, hashed: answer.digests }
        : await comparedWith(moment && sent, answer, this.#options.rules, hash, signal)
    // No signal ends this: what is known, the listing it is of, and the moment of that belong together.
    const told = { ...answer, digests: hashed }
    const learned = await inSlices(this.#known.learn(told, moment !== undefined, known))
    this.#moment = moment
    this.#rootLine = answer.top
    this.#wereMany = answer.added.length > manyLines
    if (learned.isChanged) this.#latest = undefined
    this.#listing = next
    if (!learned.isAllThere) {
      this.#listing = undefined
      this.#moment = undefined
      await this.#scanWhole(signal)
    }
  }

  async #list(next: string, signal: AbortSignal | undefined): Promise<ScanAnswer> {
    const { root, stateDirectory } = this.#options
    const contents = this.#known.unsettled
    const halves = await this.#halves.areWorth(this.#known.lines, signal)
    const [since, asks] = [this.#listing, contents.length > 0]
    const script = scanScript({ root, stateDirectory, since, next, asks, halves })
    const asked = Buffer.from(contents.map((path) => `./${path}\n`).join(''))
    for (let attempt = 1; ; attempt++) {
      const { code, stdout, stderr } = await this.#ask(script, asked, signal)
      if (code === scanExits.disturbed && attempt < attempts) continue
      const answer = code === 0 ? await inSlices(readScan(stdout), signal) : undefined
      if (answer === undefined) throw scanFailed(code, stderr.trim())
      return answer
    }
  }

  async #ask(
    script: string,
    stdin: Uint8Array | undefined,
    signal: AbortSignal | undefined,
    functions?: string,
    shortcut?: Shortcut,
  ) {
    const answer = await this.#run(script, stdin, signal, functions, shortcut)
    if (signal?.aborted) throw cancelled('the sync')
    if (answer.code === scanExits.noRoot) throw syncRootMissing('sandbox')
    return answer
  }

  /** False when all has to be listed to know. */
  async #scanRecent(signal: AbortSignal | undefined): Promise<boolean> {
    const before = this.#moment
    const question = before && (await this.#recentQuestion(before, signal))
    if (before === undefined || question === undefined) return false
    const { script, functions, shortcut } = question
    const { code, stdout } = await this.#ask(script, undefined, signal, functions, shortcut)
    const answer = code === 0 ? readRecent(stdout) : undefined
    if (answer === undefined || !isSteady(before, answer.moment)) return false
    const changes = recentChanges(answer.lines, this.#known.lines, this.#rootLine)
    if (changes === undefined || !areFew([...changes.lines.keys()])) return false
    if (!(await this.#learnRecent(changes, answer, signal))) return false
    this.#moment = answer.moment
    if (answer.detail !== undefined) this.#told = toldFiles(answer.lines, answer.detail.told)
    return true
  }

  async #recentQuestion(
    before: Moment,
    signal: AbortSignal | undefined,
  ): Promise<Foretold | undefined> {
    const asked = this.#known.unsettled
    if (this.#wereMany || !areFew(asked)) return undefined
    const { root } = this.#options
    const halves = await this.#halves.areWorth(this.#known.lines, signal)
    const since = youngerThan(before)
    const [beside, sent] = [this.#beside, this.#came]
    const mayBeNothing = asked.length === 0 && this.#known.lines.size <= fewEnough
    return {
      script: recentCall({ root, since, asked, sent, beside, halves }),
      functions: syncFunctions,
      shortcut: mayBeNothing ? nothingRecent(root, since) : undefined,
    }
  }

  async #learnRecent(
    changes: RecentChanges,
    { detail: told, moment }: RecentAnswer,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const known = this.#known
    const files = new Set([...changes.files, ...known.unsettled])
    const isSame = changes.lines.size === 0
    if (isSame && files.size === 0) return true
    const about = told && detailsAbout(changes, files, told)
    const detail = about ?? (await this.#details(changes, files, signal))
    if (detail === undefined) return false
    if (isSame) {
      if (await inSlices(known.hashed(detail, moment.now, true))) this.#latest = undefined
      return true
    }
    const merged = await inSlices(mergeRecent(changes, detail.lines, known.lines), signal)
    if (merged === undefined) return false
    // From here on no signal ends it.
    this.#rootLine = changes.lines.get('') ?? this.#rootLine
    const touched = await inSlices(known.found(merged, detail, moment.now))
    this.#latest &&= await inSlices(nextScan(this.#latest, touched, known, this.#options.rules))
    return true
  }

  /** Asked for when the look itself has not told them all. */
  async #details(
    { directories, links }: RecentChanges,
    files: ReadonlySet<string>,
    signal: AbortSignal | undefined,
  ): Promise<DetailAnswer | undefined> {
    const script = detailScript(this.#options.root, directories, links, [...files])
    const { code, stdout } = await this.#ask(script, undefined, signal)
    return code === 0 ? readDetail(stdout, links.length) : undefined
  }
}
