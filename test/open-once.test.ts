/** What is opened once for all who need it, and what a call meets that comes while one is given up. */
import { getEventListeners } from 'node:events'
import { beforeEach, expect, test } from 'vitest'
import { OpenOnce } from '../src/open-once.ts'

interface Opening {
  readonly signal: AbortSignal
  open(value: string): void
  fail(error: Error): void
}

/** Each opening that was begun; it comes to what the test says. */
let begun: Opening[]
let once: OpenOnce<string>
beforeEach(() => {
  begun = []
  once = new OpenOnce(
    ({ signal }) =>
      new Promise((resolve, reject) => {
        begun.push({ signal, open: resolve, fail: reject })
      }),
  )
})

/** A caller who can give up. */
function call() {
  const stop = new AbortController()
  const value = once.get({ signal: stop.signal, report: () => {} })
  value.catch(() => {})
  return { value, stop }
}
/** Until all has been done that waits for nothing else. */
const settle = () => new Promise((resolve) => setImmediate(resolve))
const cancelled = { code: 'CANCELLED' }

/** An opening that nobody waits for any more, and that has not ended. */
async function givenUp(): Promise<Opening> {
  const first = call()
  first.stop.abort()
  await expect(first.value).rejects.toMatchObject(cancelled)
  const [opening] = begun
  expect(opening?.signal.aborted).toBe(true)
  return opening as Opening
}

test('all who need it have the same', async () => {
  const calls = [call(), call()]
  begun[0]?.open('one')
  expect(await Promise.all(calls.map(({ value }) => value))).toEqual(['one', 'one'])
  expect(await call().value).toBe('one')
  expect(begun).toHaveLength(1)
})

test('who comes when an opening was given up has another, after that has ended', async () => {
  const first = await givenUp()
  const calls = [call(), call()]
  await settle()
  expect(begun).toHaveLength(1)
  first.fail(new Error('it was given up'))
  await settle()
  expect([begun.length, begun[1]?.signal.aborted]).toEqual([2, false])
  begun[1]?.open('two')
  expect(await Promise.all(calls.map(({ value }) => value))).toEqual(['two', 'two'])
})

test('one that was given up and opens all the same is taken', async () => {
  const first = await givenUp()
  const { value } = call()
  first.open('one')
  expect(await value).toBe('one')
  expect(begun).toHaveLength(1)
})

test('the wait for one that was given up ends with the caller, and leaves nothing', async () => {
  const first = await givenUp()
  const [patient, hasty] = [call(), call()]
  hasty.stop.abort()
  await expect(hasty.value).rejects.toMatchObject(cancelled)
  first.fail(new Error('it was given up'))
  await settle()
  begun[1]?.open('two')
  expect(await patient.value).toBe('two')
  for (const { stop } of [patient, hasty]) {
    expect(getEventListeners(stop.signal, 'abort')).toEqual([])
  }
})

test('once it is closed nothing is opened, also for who waits already', async () => {
  const first = await givenUp()
  const { value } = call()
  const closed = once.close()
  first.fail(new Error('it was given up'))
  await closed
  await expect(value).rejects.toMatchObject(cancelled)
  await expect(call().value).rejects.toMatchObject(cancelled)
  expect(begun).toHaveLength(1)
})
