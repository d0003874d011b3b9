import { expect, test } from 'vitest'
import { mergeRuns } from '../../bench/merge.ts'
import type { Line, Run } from '../../bench/result.ts'
import { lineText, markdownTable } from '../../bench/table.ts'
import { atMost, holds } from '../../bench/target.ts'

const run = (...lines: Line[]): Run => ({
  started: '2026-01-01T00:00:00.000Z',
  seconds: 1,
  quick: false,
  machine: {
    ...{ cpu: 'a', cores: 2, memoryGB: 4, system: 'b', kernel: 'c', node: '20' },
    ...{ programs: {}, scratch: 'in memory', load: 0 },
  },
  lines,
})

function line(ours: number, theirs: number): Line {
  const summary = (p50: number) => ({ p50, p95: p50 * 2, count: 10 })
  const target = atMost(1)
  const peer = { name: 'a peer', summary: summary(theirs) }
  const ratio = ours / theirs
  const held = holds(target, ours, ratio)
  return { row: 'a/b', title: 'A b', unit: 'ms', ours: summary(ours), peer, ratio, target, held }
}

test('what held in one run but not in all has not held', () => {
  const [merged] = mergeRuns([run(line(2, 4)), run(line(3, 4)), run(line(6, 4))])
  expect(merged).toMatchObject({
    ours: { p50: 3, p95: 6, count: 30 },
    ratio: 0.75,
    held: false,
    runs: { measured: 3, held: 2, ratios: [0.5, 1.5] },
  })
  expect(lineText(merged as Line)).toMatch(/0\.50–1\.50 × +≤ 1 × +NO, 2 of 3$/)
})

test('a line that was skipped in one run is judged by the others', () => {
  const skipped: Line = {
    row: 'a/b',
    title: 'A b',
    unit: 'ms',
    peer: { name: 'a peer' },
    skipped: 'no',
  }
  expect(mergeRuns([run(skipped), run(line(2, 4))])).toMatchObject([
    { held: true, runs: { measured: 1, held: 1 } },
  ])
  expect(mergeRuns([run(skipped)])).toEqual([skipped])
})

test('a failure in any run is told', () => {
  const failed: Line = {
    row: 'a/b',
    title: 'A b',
    unit: 'ms',
    peer: { name: 'a peer' },
    failed: 'E',
  }
  expect(mergeRuns([run(line(2, 4)), run(failed)])).toEqual([failed])
})

test('Markdown has a row for each line, with reasons where nothing was measured', () => {
  const skipped: Line = { row: 'c', title: 'C', unit: 'ms', skipped: 'no docker | here' }
  const [head, , first, second] = markdownTable([line(2, 4), skipped]).split('\n')
  expect(head).toMatch(/^\| row \| ours p50 \|/)
  expect(first).toBe('| A b | 2.00 ms | 4.00 | a peer | 4.00 | 8.00 | 0.50 × | ≤ 1 × | yes |')
  expect(second).toBe('| C | skipped |  |  |  |  |  |  | no docker \\| here |')
})
