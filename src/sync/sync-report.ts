/** What a sync did, as it is told to whoever asked for it. */
import type { TreePath } from '../tree.ts'
import type { Made } from './carry-out.ts'
import type { Plan } from './reconcile/reconcile.ts'
import type { Problem } from './snapshot.ts'

export interface SyncReport {
  readonly toHost: readonly TreePath[]
  readonly toSandbox: readonly TreePath[]
  readonly conflicts: Plan['conflicts']
  /** The host has all that the sandbox holds, but for what is left out and for links that lead out of it. */
  readonly isComplete: boolean
  /** All there are, each time. */
  readonly problems: readonly Problem[]
  /** Where an ancestor was put that could not be believed. */
  readonly setAside: string | undefined
  /** As `Seeded` has it; told once. */
  readonly aside?: string
}

/** What a sync of several passes did. */
export class Telling implements SyncReport {
  toHost: readonly TreePath[] = []
  toSandbox: readonly TreePath[] = []
  conflicts: Plan['conflicts'] = []
  problems: readonly Problem[] = []
  setAside: string | undefined
  isComplete = false

  add(plan: Plan, made: Made, rest: Pick<SyncReport, 'problems' | 'isComplete'>): void {
    // Not with push: of more than a hundred thousand arguments the stack overflows.
    this.toHost = this.toHost.concat(made.toHost)
    this.toSandbox = this.toSandbox.concat(made.toSandbox)
    this.conflicts = [...this.conflicts, ...plan.conflicts]
    this.problems = rest.problems
    this.isComplete = rest.isComplete
  }
}
