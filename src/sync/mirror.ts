/**
 * Keeps a directory of the host and a root of a sandbox in step: scan, decide, carry out, remember.
 *
 * A pass may be cut off anywhere: what was changed by then is whole, the ancestor is the one before, and
 * the next pass goes on from what it finds. Servers on one host directory take turns.
 */
import { lstatSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { syncInterrupted, syncRootMissing } from '../errors.ts'
import type { OpenContext, Sandbox } from '../sandbox.ts'
import { runScript } from '../script.ts'
import type { TreePath } from '../tree.ts'
import { deniedReason, errnoOf } from '../trees/host-failure.ts'
import type { Owner } from '../trees/host-temporary.ts'
import { holding } from '../trees/workspace-lock.ts'
import { AncestorFile } from './ancestor-file.ts'
import { carryOut, type Made } from './carry-out.ts'
import { DigestCache } from './digest-cache.ts'
import { refuseEmptied } from './guard.ts'
import { scanHost } from './host-scan.ts'
import { sweepStages } from './host-stage.ts'
import { type Plan, reconcile } from './reconcile.ts'
import { SandboxScanner } from './sandbox-scan.ts'
import { seedOnce } from './seed.ts'
import {
  type Problem,
  reasons,
  type Scan,
  type Side,
  type Snapshot,
  sameSnapshot,
} from './snapshot.ts'
import { literalPattern, SyncRules } from './sync-rules.ts'
import { leavingOut, WorkspaceIgnore } from './workspace-ignore.ts'

export interface MirrorOptions {
  /** Real absolute path on the host. */
  readonly host: string
  readonly owner: Owner | undefined
  /** Which root of the sandbox. */
  readonly root: (sandbox: Sandbox) => string
  /** Patterns of what is left out, after the built-in ones. */
  readonly ignore: readonly string[]
  /** Whether what the host's `.gitignore` files name is left out too. */
  readonly gitignore: boolean
  /** Where what was agreed on is kept. */
  readonly ancestorFile: string
  /** Only the host's changes are carried over; what the sandbox changes there is undone. */
  readonly oneWay?: boolean
}

export interface SyncReport {
  readonly toHost: readonly TreePath[]
  readonly toSandbox: readonly TreePath[]
  readonly conflicts: Plan['conflicts']
  /** The host has all that the sandbox holds, but for what is left out. */
  readonly isComplete: boolean
  /** All there are, each time. */
  readonly problems: readonly Problem[]
  /** Where an ancestor was put that could not be believed. */
  readonly setAside: string | undefined
}

/** What has to be looked at; the other side is taken to be as it was left, which every change checks. */
type Look = 'both' | 'host' | 'sandbox'

/** So often something else comes between before a pass leaves the rest to the next call. */
const maxRounds = 4

export class Mirror {
  readonly #options: MirrorOptions
  readonly #cache = new DigestCache()
  #partner: Partner | undefined

  constructor(options: MirrorOptions) {
    this.#options = options
  }

  /**
   * Brings both sides in step. `SYNC_HALTED` when that would delete all there is or a side is gone,
   * `SYNC_INTERRUPTED` when a transfer failed, `CANCELLED` on the signal; both sides are valid then.
   */
  async sync(sandbox: Sandbox, look: Look, context: OpenContext): Promise<SyncReport> {
    const waiting = () => context.report('waiting for another sync of this workspace')
    const sync = async () => (await this.#with(sandbox, context)).sync(look, context)
    try {
      return await holding(this.#lockKey(), sync, context.signal, waiting)
    } catch (error) {
      const code = errnoOf(error)
      throw code === undefined ? error : syncInterrupted('host', deniedReason(code), error)
    }
  }

  /** Nothing is agreed on any more: the sandbox is removed. */
  async forget(): Promise<void> {
    this.#partner = undefined
    await new AncestorFile(this.#options.ancestorFile, '').forget()
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
    const { host, root, ignore, ancestorFile, oneWay } = this.#options
    sweepStages(host)
    const own = this.#options.gitignore ? new WorkspaceIgnore(host) : undefined
    const rules = leavingOut(new SyncRules(ignore), own)
    const seeded = await seedOnce(sandbox, { host, rules, root: root(sandbox) }, context)
    // What an image brought along is none of the project's files.
    const kept = oneWay ? [] : seeded.unseeded.map(literalPattern)
    const ancestor = new AncestorFile(ancestorFile, `${sandbox.name} ${seeded.generation}`)
    const allRules = new SyncRules([...ignore, ...kept])
    this.#partner = new Partner(sandbox, this.#options, allRules, ancestor, this.#cache)
    return this.#partner
  }
}

/** The mirror with one sandbox, as long as that is open. */
class Partner {
  readonly sandbox: Sandbox
  readonly #options: MirrorOptions
  readonly #rules: SyncRules
  readonly #ancestor: AncestorFile
  readonly #cache: DigestCache
  readonly #scanner: SandboxScanner
  readonly #ignore: WorkspaceIgnore | undefined
  readonly #foldsCase: boolean
  /** How the last pass left things; good as long as the ancestor is the one it wrote. */
  #left:
    | (Record<Side, Scan> &
        Pick<SyncReport, 'isComplete' | 'problems'> & { readonly ancestor: Snapshot })
    | undefined

  constructor(
    sandbox: Sandbox,
    options: MirrorOptions,
    rules: SyncRules,
    ancestor: AncestorFile,
    cache: DigestCache,
  ) {
    this.sandbox = sandbox
    this.#options = options
    this.#rules = rules
    this.#ancestor = ancestor
    this.#cache = cache
    this.#foldsCase = foldsCase(options.host)
    this.#ignore = options.gitignore ? new WorkspaceIgnore(options.host) : undefined
    this.#scanner = new SandboxScanner(
      (script, stdin, signal) =>
        runScript(sandbox, script, stdin, signal ?? new AbortController().signal),
      {
        root: options.root(sandbox),
        stateDirectory: `/tmp/.sandbox-mcp-sync/${sandbox.name}-${basename(options.root(sandbox))}`,
        rules,
      },
    )
  }

  async sync(look: Look, context: OpenContext): Promise<SyncReport> {
    const told = new Telling()
    for (let round = 1; round <= maxRounds; round++) {
      const isStale = await this.#pass(round === 1 ? look : 'both', context, told)
      if (!isStale) return told
    }
    told.isComplete = false
    return told
  }

  async #pass(look: Look, context: OpenContext, told: Telling): Promise<boolean> {
    const { signal } = context
    const known = await this.#ancestor.read()
    told.setAside ??= known.setAside
    const ancestor = known.snapshot
    // When another server has synced meanwhile, what was left is out of date.
    const left = this.#left?.ancestor === ancestor ? this.#left : undefined
    const [hostScan, sandboxScan] = await Promise.all([
      look === 'sandbox' && left !== undefined ? left.host : this.#scanHost(signal),
      look === 'host' && left !== undefined ? left.sandbox : this.#scanner.scan(signal),
    ])
    this.#ignore?.learn(hostScan.snapshot)
    const host = this.#ignore?.filtered(hostScan) ?? hostScan
    const sandbox = this.#ignore?.filtered(sandboxScan) ?? sandboxScan
    if (left !== undefined && sameScan(left.host, host) && sameScan(left.sandbox, sandbox)) {
      told.problems = left.problems
      told.isComplete = left.isComplete
      this.#left = { ...left, host, sandbox }
      return false
    }
    const plan = this.#plan(host, sandbox, ancestor)
    const { root } = this.#options
    const made = await carryOut(plan, {
      sandbox: this.sandbox,
      root: root(this.sandbox),
      host: { root: this.#options.host, owner: this.#options.owner },
      scans: { host, sandbox },
      ancestor,
      context,
    })
    const agreed = await this.#ancestor.write(made.agreed)
    const problems = [...plan.problems, ...made.refused]
    // A mount that only the host changes has nothing to bring back.
    const isComplete = this.#options.oneWay === true || isAllIn(agreed, made.left.sandbox)
    told.add(plan, made, { problems, isComplete })
    // What was refused is tried again.
    const isDone = !made.isStale && made.refused.length === 0
    this.#left = isDone ? { ...made.left, ancestor: agreed, problems, isComplete } : undefined
    return made.isStale
  }

  #plan(host: Scan, sandbox: Scan, ancestor: Snapshot): Plan {
    const { oneWay } = this.#options
    if (!oneWay) refuseEmptied(host, sandbox, ancestor)
    return reconcile({
      host,
      sandbox,
      // As if the sandbox had changed nothing.
      ancestor: oneWay ? sandbox.snapshot : ancestor,
      leavesOut: (path) => this.#rules.leavesOut(path) || this.#ignore?.leavesOut(path) === true,
      hostFoldsCase: this.#foldsCase,
    })
  }

  #scanHost(signal: AbortSignal): Promise<Scan> {
    const { host } = this.#options
    return scanHost({ root: host, rules: this.#rules, cache: this.#cache, signal })
  }
}

/** What a sync of several passes did. */
class Telling implements SyncReport {
  readonly toHost: TreePath[] = []
  readonly toSandbox: TreePath[] = []
  conflicts: Plan['conflicts'] = []
  problems: readonly Problem[] = []
  setAside: string | undefined
  isComplete = false

  add(plan: Plan, made: Made, rest: Pick<SyncReport, 'problems' | 'isComplete'>): void {
    this.toHost.push(...made.toHost)
    this.toSandbox.push(...made.toSandbox)
    this.conflicts = [...this.conflicts, ...plan.conflicts]
    this.problems = rest.problems
    this.isComplete = rest.isComplete
  }
}

/** A FIFO or a socket holds nothing that could be brought anywhere. */
function isAllIn(agreed: Snapshot, { snapshot, problems }: Scan): boolean {
  const isEmpty = ({ side, reason }: Problem) => side === 'host' || reason === reasons.special
  return problems.every(isEmpty) && sameSnapshot(agreed, snapshot)
}

function sameScan(one: Scan, other: Scan): boolean {
  if (one === other) return true
  return one.problems.length + other.problems.length === 0
    ? sameSnapshot(one.snapshot, other.snapshot)
    : sameProblems(one.problems, other.problems) && sameSnapshot(one.snapshot, other.snapshot)
}

function sameProblems(one: readonly Problem[], other: readonly Problem[]): boolean {
  const words = (problems: readonly Problem[]) =>
    problems.map(({ path, reason }) => `${path}\0${reason}`).sort()
  return words(one).join('\n') === words(other).join('\n')
}

/** Whether the host's file system finds a name in any case of its letters. */
function foldsCase(root: string): boolean {
  const name = basename(root)
  const swapped = name === name.toLowerCase() ? name.toUpperCase() : name.toLowerCase()
  if (swapped === name) return process.platform === 'darwin' || process.platform === 'win32'
  const one = lstatSync(root, { bigint: true, throwIfNoEntry: false })
  const other = lstatSync(join(dirname(root), swapped), { bigint: true, throwIfNoEntry: false })
  return one !== undefined && other !== undefined && one.ino === other.ino && one.dev === other.dev
}
