/** Rows in aligned columns. */
import { oneLine } from '../errors.ts'

const gap = '  '

/** A path that is shorter says too little. */
const leastFlexible = 24

/** Which column gives way where lines would be longer than a terminal is wide. */
export interface Fit {
  /** The index of a column whose cells are cut at their beginning. */
  readonly flexible: number
  readonly columns: number
}

/** Columns as wide as their widest cell, unless they have to `fit`. Without trailing blanks. */
export function table(given: readonly (readonly string[])[], fit?: Fit): string[] {
  const rows = given.map((row) => row.map(oneLine))
  const flexible = fit?.flexible
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, at) =>
    Math.max(...rows.map((row) => width(row[at] ?? ''))),
  )
  if (fit !== undefined) {
    const fixed = widths.filter((_, at) => at !== fit.flexible)
    const room = fit.columns - fixed.reduce((sum, one) => sum + one + gap.length, 0)
    widths[fit.flexible] = Math.min(widths[fit.flexible] ?? 0, Math.max(leastFlexible, room))
  }
  return rows.map((row) =>
    row
      .map((cell, at) => {
        const most = widths[at] ?? 0
        const shownCell = at === flexible ? cutHead(cell, most) : cell
        return shownCell + ' '.repeat(Math.max(0, most - width(shownCell)))
      })
      .join(gap)
      .trimEnd(),
  )
}

/** The end says more of a path than its beginning. */
function cutHead(text: string, most: number): string {
  return width(text) <= most ? text : `\u2026${[...text].slice(1 - most).join('')}`
}

const width = (text: string) => [...text].length
