import { expect, test } from 'vitest'
import type { Line } from '../../bench/result.ts'
import { chart } from '../../bench/svg.ts'

const summary = (p50: number) => ({ p50, p95: p50, count: 1 })
const line = (row: string, ours: number, peer: string, theirs: number): Line => ({
  ...{ row, title: `${row} <1>`, unit: 'ms', ours: summary(ours) },
  peer: { name: peer, summary: summary(theirs) },
})

test('bars are in proportion within a row, the longest as long in each', () => {
  const drawing = chart(
    [line('a', 10, 'x', 40), line('a', 11, 'y & z', 20), line('b', 8, 'x', 2)],
    ['b', 'a', 'c'],
    'by somebody',
  )
  const widths = [...drawing.matchAll(/<rect class="(\w+)"[^>]* width="([\d.]+)"/g)].map(
    ([, kind, width]) => [kind, Number(width)],
  )
  expect(widths).toEqual([
    ['ours', 480],
    ['peer', 120],
    ['ours', 120],
    ['peer', 480],
    ['peer', 240],
  ])
  expect(drawing).toContain('a &lt;1&gt;, ms')
  expect(drawing).toContain('y &amp; z')
  expect(drawing).toContain('prefers-color-scheme: dark')
})

test('a row that was skipped is not drawn', () => {
  const skipped: Line = { row: 'a', title: 'A', unit: 'ms', skipped: 'no docker' }
  expect(chart([skipped], ['a'], 'by somebody')).not.toContain('<rect')
})
