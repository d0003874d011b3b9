/** What every `Tree` must do. Each adapter's own test file calls `describeTree`. */
import { afterEach, beforeEach, describe, test } from 'vitest'
import type { Tree } from '../../src/tree.ts'
import { applying } from './tree-applying.ts'
import { failing } from './tree-failing.ts'
import { racing } from './tree-racing.ts'
import { reading } from './tree-reading.ts'

/** A tree under test, empty, and ways to see and change its files that do not go through it. */
export interface OpenTree {
  readonly tree: Tree
  /** Runs POSIX sh with the tree's directory as its own; gives its stdout, rejects when it fails. */
  sh(script: string): Promise<string>
  /** `increment` of the tree's file, by another server process. */
  incrementElsewhere(file: string, times: number): Promise<void>
  /** How many updates another process makes in a race; fewer where each takes long. */
  readonly updates?: number
  close(): Promise<void>
}

export type TreeCase = (opened: OpenTree) => Promise<void>

export interface TreeSuiteOptions {
  /** Cases that this tree is known to fail, and why. Each must fail: it goes when it is fixed. */
  readonly deviations?: Readonly<Record<string, string>>
  /** For each case, where the usual time is too short. */
  readonly timeoutMs?: number
}

const cases: Readonly<Record<string, TreeCase>> = { ...reading, ...applying, ...failing, ...racing }

/** Declares the suite for the trees that `open` makes, a new one for each case. */
export function describeTree(
  name: string,
  open: () => Promise<OpenTree>,
  { deviations = {}, timeoutMs }: TreeSuiteOptions = {},
): void {
  for (const title of Object.keys(deviations)) {
    if (!(title in cases)) throw new Error(`${name} deviates from "${title}", which is no case`)
  }
  describe(`${name} is a tree`, () => {
    let opened: OpenTree
    beforeEach(async () => {
      opened = await open()
    })
    afterEach(() => opened.close())
    for (const [title, run] of Object.entries(cases)) {
      const reason = deviations[title]
      if (reason === undefined) test(title, () => run(opened), timeoutMs)
      else test.fails(`${title} (deviates: ${reason})`, () => run(opened))
    }
  })
}
