/** Several runs as one table: what held in all of them. Pure. */
import type { Line, Run } from './result.ts'
import { quantile, type Summary } from './statistics.ts'

/** The lines of all runs, in the order of the first that has them; medians of the runs' medians. */
export function mergeRuns(runs: readonly Run[]): Line[] {
  const found = new Map<string, Line[]>()
  for (const line of runs.flatMap(({ lines }) => lines)) {
    const key = `${line.row}\n${line.peer?.name ?? ''}`
    found.set(key, [...(found.get(key) ?? []), line])
  }
  return [...found.values()].map(mergeLines)
}

function mergeLines(lines: readonly Line[]): Line {
  const [first] = lines as [Line]
  const failed = lines.find((line) => line.failed !== undefined)
  if (failed !== undefined) return failed
  const measured = lines.filter((line) => line.ours !== undefined)
  if (measured.length === 0) return first
  const { row, title, unit, target, note } = measured[0] as Line
  const ours = middle(measured.flatMap((line) => line.ours ?? []))
  const theirs = measured.flatMap((line) => line.peer?.summary ?? [])
  const ratios = measured.flatMap((line) => line.ratio ?? []).sort((a, b) => a - b)
  // From best to worst: small is good, unless the target is to be at least something.
  if (unit === 'MB/s') ratios.reverse()
  const held = measured.filter((line) => line.held).length
  const range = ratios.length === 0 ? undefined : ([ratios[0], ratios.at(-1)] as [number, number])
  return {
    row,
    title,
    unit,
    ours,
    ...(first.peer === undefined
      ? {}
      : {
          peer: {
            name: first.peer.name,
            ...(theirs.length === 0 ? {} : { summary: middle(theirs) }),
          },
        }),
    ...(ratios.length === 0 ? {} : { ratio: quantile(ratios, 0.5) }),
    ...(target === undefined ? {} : { target, held: held === measured.length }),
    runs: { measured: measured.length, held, ratios: range },
    ...(note === undefined ? {} : { note }),
  }
}

function middle(summaries: readonly Summary[]): Summary {
  return {
    p50: quantile(
      summaries.map(({ p50 }) => p50),
      0.5,
    ),
    p95: quantile(
      summaries.map(({ p95 }) => p95),
      0.5,
    ),
    count: summaries.reduce((sum, { count }) => sum + count, 0),
  }
}
