/** What makes a runner ready again is not done while others of the same burst are at work. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { RunnerRest } from '../../src/runner/rest.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** `begun` of them have a command. */
function runners(count: number, begun = count, isLookedAfter = false) {
  const rest = new RunnerRest(isLookedAfter)
  const gone: number[] = []
  const looks: (() => void)[] = []
  const all = Array.from({ length: count }, (_, n) => ({
    goOn: () => void gone.push(n),
    look: () => new Promise<void>((resolve) => looks.push(resolve)),
  }))
  for (const one of all.slice(0, begun)) rest.began(one)
  return { rest, gone, looks, all: all as [(typeof all)[0], ...typeof all] }
}

test('one that was alone goes on at once', () => {
  const { rest, gone, all } = runners(1)
  rest.ended(all[0])
  expect(gone).toEqual([0])
})

const settle = () => vi.advanceTimersByTimeAsync(0)

test('those of a burst look with its last, and go on when all have looked', async () => {
  const { rest, gone, looks, all } = runners(3)
  for (const one of all.slice(0, 2)) rest.ended(one)
  expect(looks).toHaveLength(0)
  for (const one of all.slice(2)) rest.ended(one)
  expect(looks).toHaveLength(3)
  for (const tell of looks.slice(1)) tell()
  await settle()
  expect(gone).toEqual([])
  looks[0]?.()
  await settle()
  expect(gone).toEqual([0, 1, 2])
  vi.runAllTimers()
  expect(gone).toHaveLength(3)
})

test('the last may also be lost', () => {
  const { rest, looks, all } = runners(3)
  for (const one of all.slice(0, 2)) rest.ended(one)
  for (const one of all.slice(2)) rest.lost(one)
  expect(looks).toHaveLength(2)
})

test('one that is lost while it looks does not go on', async () => {
  const { rest, gone, looks, all } = runners(2)
  for (const one of all) rest.ended(one)
  rest.lost(all[0])
  for (const tell of looks) tell()
  await settle()
  expect(gone).toEqual([1])
})

test('those who look go on when somebody waits for one, and once', async () => {
  const { rest, gone, looks, all } = runners(2)
  for (const one of all) rest.ended(one)
  rest.wake()
  expect(gone).toEqual([0, 1])
  for (const tell of looks) tell()
  await settle()
  expect(gone).toHaveLength(2)
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

describe('where somebody else looks after each command', () => {
  test('one looks at once, and goes on when that has looked too', async () => {
    const { rest, gone, looks, all } = runners(2, 1, true)
    rest.ended(all[0])
    expect(looks).toHaveLength(1)
    looks[0]?.()
    await settle()
    expect(gone).toEqual([])
    rest.goOn()
    expect(gone).toEqual([0])
    vi.runAllTimers()
    expect(gone).toEqual([0])
  })

  test('it goes on a tenth of a second later in any case', async () => {
    const { rest, gone, all } = runners(1, 1, true)
    rest.ended(all[0])
    vi.advanceTimersByTime(99)
    expect(gone).toEqual([])
    vi.advanceTimersByTime(1)
    expect(gone).toEqual([0])
    rest.began(all[0])
    rest.ended(all[0])
    vi.advanceTimersByTime(99)
    expect(gone).toEqual([0])
    vi.advanceTimersByTime(1)
    expect(gone).toEqual([0, 0])
  })

  test('it goes on when somebody waits for one, or is lost', () => {
    const { rest, gone, all } = runners(2, 2, true)
    for (const one of all) rest.ended(one)
    rest.lost(all[0])
    rest.wake()
    expect(gone).toEqual([1])
  })

  test('those of a burst look with its last', () => {
    const { rest, gone, looks, all } = runners(2, 2, true)
    rest.ended(all[0])
    rest.goOn()
    expect([looks.length, gone.length]).toEqual([0, 0])
    for (const one of all.slice(1)) rest.ended(one)
    expect(looks).toHaveLength(2)
    rest.goOn()
    expect(gone).toEqual([0, 1])
  })
})
