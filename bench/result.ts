/** What a run found, as it is printed, drawn and kept as JSON. */
import type { Machine } from './machine.ts'
import type { Summary } from './statistics.ts'
import type { Target } from './target.ts'

export type Unit = 'ms' | 'MB/s' | 'MB'

/** Ours, alone or beside one peer. */
export interface Line {
  /** The row's id; with the peer's name it names the line in every run. */
  readonly row: string
  readonly title: string
  readonly unit: Unit
  /** Absent where it was skipped. */
  readonly ours?: Summary
  readonly peer?: { readonly name: string; readonly summary?: Summary }
  /** Ours divided by the peer's, of medians. */
  readonly ratio?: number
  readonly target?: Target
  readonly held?: boolean
  /** Of a line that is made of several runs. */
  readonly runs?: Runs
  /** Why it was not measured. */
  readonly skipped?: string
  /** Something that broke: the run ends with exit code 1. */
  readonly failed?: string
  readonly note?: string
}

/** In how many runs a line was measured and its target held, and the ratios from best to worst. */
interface Runs {
  readonly measured: number
  readonly held: number
  readonly ratios: readonly [number, number] | undefined
}

export interface Run {
  readonly started: string
  readonly seconds: number
  readonly quick: boolean
  readonly machine: Machine
  readonly lines: readonly Line[]
}
