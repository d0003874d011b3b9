/** What a client is told about a workspace that is kept in step. */
import { isSandboxError, shown } from '../errors.ts'
import { type Problem, reasons } from '../sync/snapshot.ts'
import type { SyncReport } from '../sync/sync-report.ts'
import type { News } from '../workspace.ts'
import { asideNews } from './seed-news.ts'

/** More are counted. */
const namedProblems = 5

export class SyncNews {
  readonly #name: string
  #news: News[] = []
  /** Problems stay from sync to sync, and are told once. */
  #told = new Set<string>()
  /** Those that somebody has taken. */
  #taken: ReadonlySet<string> = this.#told

  /** `name` is what commands call the directory. */
  constructor(name: string) {
    this.#name = name
  }

  /** Whether the links among `problems` that lead out have been taken by whoever is told the news. */
  hasToldLinks(problems: readonly Problem[]): boolean {
    return problems.every(
      (problem) => problem.reason !== reasons.leadsOut || this.#taken.has(keyOf(problem)),
    )
  }

  add({ conflicts, problems, setAside, aside }: SyncReport): void {
    if (aside !== undefined) this.#news.push({ text: asideNews(this.#name, aside) })
    for (const { path, kept } of conflicts) {
      this.#news.push({
        text: `${shown(path)} was changed on the host and in the sandbox: the host's version stays at that path, the sandbox's is kept beside it as ${shown(kept)}; merge them and delete that file`,
        file: kept,
      })
    }
    const untold = problems.filter((problem) => !this.#told.has(keyOf(problem)))
    this.#told = new Set(problems.map(keyOf))
    if (untold.length > 0) {
      const named = untold.slice(0, namedProblems)
      const more = untold.length - named.length
      const where = { host: 'on the host', sandbox: 'in the sandbox' }
      const words = named.map(
        ({ path, side, reason }) => `${shown(path)} (${where[side]}: ${reason})`,
      )
      this.#news.push({
        text: `left as they are on both sides: ${words.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
      })
    }
    if (setAside !== undefined) {
      this.#news.push({
        text: `the record of the last sync was damaged and is now ${shown(setAside)}: nothing was deleted on either side, and where both differ both versions are kept`,
      })
    }
  }

  /** A sync that nobody waits for has failed. */
  failed(error: unknown): void {
    if (!isSandboxError(error)) throw error
    if (error.code === 'CANCELLED' || error.code === 'SANDBOX_LOST') return
    this.#news.push({ text: `files are not in step: ${error.message}. ${error.hint}` })
  }

  take(): readonly News[] {
    const news = this.#news
    this.#news = []
    this.#taken = this.#told
    return news
  }
}

const keyOf = ({ path, reason }: Problem) => `${path}\0${reason}`
