/**
 * Keeps a directory of the host and a root of a sandbox in step: scan, decide, carry out, remember.
 *
 * A pass may be cut off anywhere: what was changed by then is whole, the ancestor is the one before, and
 * the next pass goes on from what it finds. Servers on one host directory take turns.
 */
import { statSync } from 'node:fs'
import type { OpenContext, Sandbox } from '../sandbox.ts'
import type { Foretold, Scripts } from '../scripts/script.ts'
import { deniedReason, errnoOf } from '../trees/host-failure.ts'
import { holding } from '../trees/workspace-lock.ts'
import { AncestorFile } from './ancestor/file.ts'
import { DigestCache } from './host/digest-cache.ts'
import { HostScanner } from './host/scan.ts'
import { sweepStages } from './host/stage.ts'
import type { Look, MirrorOptions } from './mirror-options.ts'
import { Partner } from './partner.ts'
import { listingsOf } from './sandbox/scan-script.ts'
import { seedOnce } from './seed/seed.ts'
import { syncInterrupted, syncRootMissing } from './sync-errors.ts'
import type { SyncReport } from './sync-report.ts'
import { literalPattern, SyncRules } from './sync-rules.ts'
import { isDirectoryOf, leavingOut, WorkspaceIgnore } from './workspace-ignore.ts'

/** Whoever makes it closes it. */
export class Mirror {
  readonly #options: MirrorOptions
  readonly #cache = new DigestCache()
  #partner: Partner | undefined
  /** Not told yet. */
  #aside: string | undefined

  constructor(options: MirrorOptions) {
    this.#options = options
  }

  /**
   * Brings both sides in step. `SYNC_HALTED` when that would delete all there is or a side is gone,
   * `SYNC_INTERRUPTED` when a transfer failed, `CANCELLED` on the signal; both sides are valid then.
   */
  async sync(scripts: Scripts, look: Look, context: OpenContext): Promise<SyncReport> {
    const waiting = () => context.report('waiting for another sync of this workspace')
    const sync = async () => {
      const partner = await this.#with(scripts.sandbox, context)
      const report = await partner.sync(scripts, look, context)
      const aside = this.#aside
      this.#aside = undefined
      return aside === undefined ? report : { ...report, aside }
    }
    try {
      return await holding(this.#lockKey(), sync, context.signal, waiting)
    } catch (error) {
      const code = errnoOf(error)
      throw code === undefined ? error : syncInterrupted('host', deniedReason(code), error)
    }
  }

  /** As `Workspace.foretell`. */
  async foretell(sandbox: Sandbox, signal: AbortSignal): Promise<Foretold | undefined> {
    return this.#partner?.sandbox === sandbox ? this.#partner.foretell(signal) : undefined
  }

  /** Nothing is agreed on any more: the sandbox is removed. */
  async forget(): Promise<void> {
    await this.close()
    await new AncestorFile(this.#options.ancestorFile, '').forget()
  }

  /** Lets go of what it holds on the host; can be repeated. Another `sync` begins anew. */
  async close(): Promise<void> {
    const partner = this.#partner
    this.#partner = undefined
    await partner?.close()
  }

  /** The directory itself, by whatever path a server was given it. */
  #lockKey(): string {
    try {
      const { dev, ino } = statSync(this.#options.host, { bigint: true })
      return `sync ${dev}:${ino}`
    } catch (error) {
      throw syncRootMissing('host', error)
    }
  }

  /** A sandbox that was opened anew may be another one. */
  async #with(sandbox: Sandbox, context: OpenContext): Promise<Partner> {
    if (this.#partner?.sandbox === sandbox) return this.#partner
    await this.close()
    const { host, root, ignore, ancestorFile, oneWay } = this.#options
    await sweepStages(host)
    const own = this.#options.gitignore ? new WorkspaceIgnore(host) : undefined
    let rules = new SyncRules(ignore)
    const now: Pick<SyncRules, 'leavesOut'> = { leavesOut: (...asked) => rules.leavesOut(...asked) }
    const scanner = new HostScanner({ root: host, rules: now, cache: this.#cache })
    const seed = {
      host,
      rules: leavingOut(rules, own, isDirectoryOf(host)),
      root: root(sandbox),
      digests: this.#cache,
      listings: listingsOf(sandbox, root(sandbox)),
      // While the sandbox puts it in place.
      onSent: () => scanner.begin(context.signal),
    }
    const seeded = await seedOnce(sandbox, seed, context).catch(async (error: unknown) => {
      await scanner.close()
      throw error
    })
    this.#aside = seeded.aside ?? this.#aside
    // What an image brought along is none of the project's files.
    const kept = oneWay ? [] : seeded.unseeded.map(literalPattern)
    const ancestor = new AncestorFile(ancestorFile, `${sandbox.name} ${seeded.generation}`)
    rules = new SyncRules([...ignore, ...kept])
    this.#partner = new Partner(sandbox, this.#options, rules, ancestor, scanner, seeded.files)
    return this.#partner
  }
}
