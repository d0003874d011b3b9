/** What many ask for in a row is done once, soon. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SoonOnce } from '../../src/workspaces/soon-once.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Asks so often, ten milliseconds apart. */
function asked(times: number) {
  const work = vi.fn()
  const soon = new SoonOnce(work)
  for (let n = 0; n < times; n++) {
    soon.ask()
    vi.advanceTimersByTime(10)
  }
  return { work, soon }
}

test('once for all who ask, and again for those who ask later', () => {
  const { work, soon } = asked(10)
  expect(work).toHaveBeenCalledTimes(0)
  vi.runAllTimers()
  expect(work).toHaveBeenCalledTimes(1)
  soon.ask()
  vi.advanceTimersByTime(20)
  expect(work).toHaveBeenCalledTimes(2)
})

test('those who go on asking do not keep it waiting', () => {
  // A second of it, and a fifth of one at most for each.
  const { work } = asked(100)
  expect(work.mock.calls.length).toBeGreaterThanOrEqual(4)
  expect(work.mock.calls.length).toBeLessThanOrEqual(6)
})
