/** What many ask for in a row is done once, soon. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SoonOnce } from '../../src/workspaces/soon-once.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('once for all who ask, and again for those who ask later', () => {
  let done = 0
  const soon = new SoonOnce(() => {
    done += 1
  })
  for (let n = 0; n < 10; n++) {
    soon.ask()
    vi.advanceTimersByTime(10)
  }
  expect(done).toBe(0)
  vi.advanceTimersByTime(10)
  expect(done).toBe(1)
  vi.runAllTimers()
  expect(done).toBe(1)
  soon.ask()
  vi.advanceTimersByTime(20)
  expect(done).toBe(2)
})

test('those who go on asking do not keep it waiting', () => {
  let done = 0
  const soon = new SoonOnce(() => {
    done += 1
  })
  for (let n = 0; n < 100; n++) {
    soon.ask()
    vi.advanceTimersByTime(10)
  }
  expect(done).toBeGreaterThanOrEqual(4)
  expect(done).toBeLessThanOrEqual(6)
})
