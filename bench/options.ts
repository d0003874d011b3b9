/** What `npm run bench -- …` is told. */
import { parseArgs } from 'node:util'

export const help = `npm run bench -- [options]     measures this server beside others

  --quick           two minutes: fewer samples, fewer rows, fewer peers
  --only PATTERN    rows whose id matches the regular expression, also those of full runs alone
  --list            prints the ids of all rows
  --check           a target that was missed makes the exit code 1
  --json FILE       where the outcome is written [bench/results/TIME.json]
  --markdown FILE   writes the table, in a file with marks between them
  --svg FILE        draws the chart [docs/benchmarks.svg, if all rows were measured]
  --merge FILES     measures nothing: one table of what these runs found, and what held in all

Peers are installed with npm when they are first measured, into the user's cache.`

const options = {
  quick: { type: 'boolean', default: false },
  only: { type: 'string' },
  list: { type: 'boolean', default: false },
  check: { type: 'boolean', default: false },
  json: { type: 'string' },
  markdown: { type: 'string' },
  svg: { type: 'string' },
  merge: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

export interface Options {
  readonly quick: boolean
  readonly only: RegExp | undefined
  readonly list: boolean
  readonly check: boolean
  readonly json: string | undefined
  readonly markdown: string | undefined
  readonly svg: string | undefined
  /** The files to merge; undefined where there is something to measure. */
  readonly merge: readonly string[] | undefined
  readonly help: boolean
}

/** Throws with what is wrong with them. */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  const { only, merge, json, markdown, svg, ...flags } = values
  if (merge !== positionals.length > 0) {
    throw new Error(merge ? '--merge takes JSON files' : `unknown: ${positionals.join(' ')}`)
  }
  return {
    ...flags,
    json,
    markdown,
    svg,
    only: only === undefined ? undefined : new RegExp(only),
    merge: merge ? positionals : undefined,
  }
}
