/** How long a call waits for the client's roots: measured by what else the client answers. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { askRoots } from '../../src/mcp/client-roots.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A promise that the test settles. */
function settled<T>() {
  const made = {} as {
    promise: Promise<T>
    resolve: (value: T) => void
    reject: (error: Error) => void
  }
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}

/** A client that does what the test says when it says it. */
function client({ isReady = true } = {}) {
  const [ready, roots, pinged] = [settled<void>(), settled<readonly string[]>(), settled<void>()]
  if (isReady) ready.resolve()
  let signal: AbortSignal | undefined
  const outcome: { value?: readonly string[] | string } = {}
  askRoots({
    ready: ready.promise,
    ask: (given) => {
      signal = given
      return roots.promise
    },
    ping: () => pinged.promise,
  }).then(
    (value) => {
      outcome.value = value
    },
    (error: Error) => {
      outcome.value = error.message
    },
  )
  return { ready, roots, pinged, outcome, isGivenUp: () => signal?.aborted }
}

type Answer = ReturnType<typeof client>['pinged']

const passes = (ms: number) => vi.advanceTimersByTimeAsync(ms)

test('one on a busy machine, which answers nothing for five seconds, is waited for', async () => {
  const { roots, pinged, outcome } = client()
  await passes(5_000)
  pinged.resolve()
  await passes(1_900)
  expect(outcome).toEqual({})
  roots.resolve(['file:///a'])
  await passes(0)
  expect(outcome.value).toEqual(['file:///a'])
  expect(vi.getTimerCount()).toBe(0)
})

test.each([
  ['answers', (pinged: Answer) => pinged.resolve()],
  ['refuses', (pinged: Answer) => pinged.reject(new Error('no such method'))],
])('one that %s a ping and does not tell them is waited for two seconds', async (_, answer) => {
  const { pinged, outcome, isGivenUp } = client()
  answer(pinged)
  await passes(1_990)
  expect(outcome).toEqual({})
  await passes(20)
  expect([outcome.value, isGivenUp()]).toEqual(['no answer in time', true])
})

test('one that answers nothing is waited for ten seconds', async () => {
  const { outcome } = client()
  await passes(9_990)
  expect(outcome).toEqual({})
  await passes(20)
  expect(outcome.value).toBe('no answer in time')
})

test('one that is not ready is not asked before it is', async () => {
  const { ready, roots, outcome, isGivenUp } = client({ isReady: false })
  await passes(100)
  expect(isGivenUp()).toBeUndefined()
  ready.resolve()
  roots.resolve([])
  await passes(0)
  expect(outcome.value).toEqual([])
})
