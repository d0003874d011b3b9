/** A row of the table: what is measured of ours, beside which peers, and what is to hold. */
import type { Unit } from './result.ts'
import type { Effort, Sample } from './sampling.ts'
import type { Stage } from './stage.ts'
import type { Target } from './target.ts'

export type Need = 'docker' | 'bubblewrap' | 'ssh' | 'openshell-double' | 'rsync'

export interface Peer {
  readonly name: string
  readonly target?: Target
  /** Not measured with --quick. */
  readonly fullOnly?: boolean
  /** Throws `Unavailable` where it cannot be had on this machine. */
  open(stage: Stage): Promise<Sample>
}

export interface Row {
  /** Stable: `--only` picks by it, and runs are compared by it. */
  readonly id: string
  readonly title: string
  readonly unit: Unit
  readonly needs: readonly Need[]
  /** Not measured with --quick. */
  readonly fullOnly?: boolean
  /** For ours alone; told beside the first peer. */
  readonly target?: Target
  /** Fewer or more samples than the run's effort. */
  readonly effort?: (effort: Effort) => Effort
  ours(stage: Stage): Promise<Sample>
  readonly peers: readonly Peer[]
  /** Said of the row once it was measured. */
  readonly note?: (stage: Stage) => string
}

/** Rows that share what they are measured on, which is there for them alone. */
export interface Section {
  readonly name: string
  readonly rows: readonly Row[]
}

/** This machine lacks what a row or a peer needs. */
export class Unavailable extends Error {}
