/** What makes a runner ready again is not done while others of the same burst are at work. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { RunnerRest } from '../src/runner-rest.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** `begun` of them have a command. */
function runners(count: number, begun = count) {
  const rest = new RunnerRest()
  const gone: number[] = []
  const all = Array.from({ length: count }, (_, n) => ({ goOn: () => gone.push(n) }))
  for (const one of all.slice(0, begun)) rest.began(one)
  return { rest, gone, all: all as [(typeof all)[0], ...typeof all] }
}

test('one that was alone goes on at once', () => {
  const { rest, gone, all } = runners(1)
  rest.ended(all[0])
  expect(gone).toEqual([0])
})

test('those of a burst go on with its last', () => {
  const { rest, gone, all } = runners(3)
  for (const one of all.slice(0, 2)) rest.ended(one)
  expect(gone).toEqual([])
  for (const one of all.slice(2)) rest.ended(one)
  expect(gone).toEqual([0, 1, 2])
  vi.runAllTimers()
  expect(gone).toHaveLength(3)
})

test('the last may also be lost', () => {
  const { rest, gone, all } = runners(3)
  for (const one of all.slice(0, 2)) rest.ended(one)
  for (const one of all.slice(2)) rest.lost(one)
  expect(gone).toEqual([0, 1])
})

test('they go on when somebody waits for one', () => {
  const { rest, gone, all } = runners(2)
  rest.ended(all[0])
  rest.wake()
  expect(gone).toEqual([0])
})

test('they wait a tenth of a second at most', () => {
  const { rest, gone, all } = runners(2)
  rest.ended(all[0])
  vi.advanceTimersByTime(99)
  expect(gone).toEqual([])
  vi.advanceTimersByTime(1)
  expect(gone).toEqual([0])
})

test('for a command that has run for long nobody waits', () => {
  const { rest, gone, all } = runners(2, 1)
  vi.advanceTimersByTime(200)
  for (const one of all.slice(1)) {
    rest.began(one)
    rest.ended(one)
  }
  expect(gone).toEqual([1])
})
