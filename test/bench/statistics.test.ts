import { expect, test } from 'vitest'
import { quantile, summarize } from '../../bench/statistics.ts'

test('a quantile lies between neighbours in proportion, whatever the order', () => {
  expect(quantile([3, 1, 2], 0.5)).toBe(2)
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5)
  expect(quantile([0, 100], 0.95)).toBe(95)
  expect(quantile([7], 0.95)).toBe(7)
  expect(quantile([], 0.5)).toBeNaN()
})

test('p95 of times looks up, and of speeds down', () => {
  const samples = Array.from({ length: 101 }, (_, n) => n)
  expect(summarize(samples)).toEqual({ p50: 50, p95: 95, count: 101 })
  expect(summarize(samples, 'low')).toEqual({ p50: 50, p95: 5, count: 101 })
})
