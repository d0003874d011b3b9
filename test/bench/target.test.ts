import { expect, test } from 'vitest'
import { atLeast, atMost, holds, limit, targetText } from '../../bench/target.ts'

test('bounds hold at their value and not beyond it', () => {
  expect(holds(atMost(1), 5, 1)).toBe(true)
  expect(holds(atMost(1), 5, 1.01)).toBe(false)
  expect(holds(atLeast(0.9), 5, 0.9)).toBe(true)
  expect(holds(atLeast(0.9), 5, 0.89)).toBe(false)
  expect(holds(limit(3), 3, undefined)).toBe(true)
  expect(holds(limit(3), 3.1, 0.1)).toBe(false)
})

test('a ratio that nobody measured does not hold', () => {
  expect(holds(atMost(1), 5, undefined)).toBe(false)
  expect(holds(atLeast(0.1), 5, undefined)).toBe(false)
})

test('targets are told as the design has them', () => {
  expect(targetText(atMost(1 / 15), 'ms')).toBe('≤ 1/15 ×')
  expect(targetText(atMost(2.7), 'ms')).toBe('≤ 2.7 ×')
  expect(targetText(atLeast(0.9), 'MB/s')).toBe('≥ 0.9 ×')
  expect(targetText(limit(60), 'MB')).toBe('≤ 60 MB')
})
