/** The queue that pools of runners, handlers and connections have in common. */
import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { Waiters } from '../src/waiters.ts'

const cancelled = () => new Error('cancelled')

test('whoever came first is served first, and once', async () => {
  const waiters = new Waiters<string>()
  const waits = [waiters.wait({ cancelled }), waiters.wait({ cancelled })]
  expect(waiters.size).toBe(2)
  expect(waiters.give('one')).toBe(true)
  expect(waiters.size).toBe(1)
  expect(waiters.give('two')).toBe(true)
  expect(waiters.give('three')).toBe(false)
  expect(await Promise.all(waits)).toEqual(['one', 'two'])
})

test('a signal ends a wait, and the next in line is served', async () => {
  const waiters = new Waiters<string>()
  const stop = new AbortController()
  const ended = waiters.wait({ cancelled, signal: stop.signal })
  const served = waiters.wait({ cancelled })
  stop.abort()
  await expect(ended).rejects.toThrow('cancelled')
  waiters.give('on')
  expect(await served).toBe('on')
  await expect(waiters.wait({ cancelled, signal: stop.signal })).rejects.toThrow('cancelled')
  expect(waiters.size).toBe(0)
})

test('many wait with one signal, and nothing of them stays on it', async () => {
  const warnings: Error[] = []
  const warn = (warning: Error) => warnings.push(warning)
  process.on('warning', warn)
  const waiters = new Waiters<number>()
  const { signal } = new AbortController()
  const waits = Array.from({ length: 50 }, () => waiters.wait({ cancelled, signal }))
  expect(getEventListeners(signal, 'abort')).toHaveLength(50)
  for (let n = 0; n < 50; n++) waiters.give(n)
  expect(await Promise.all(waits)).toHaveLength(50)
  expect(getEventListeners(signal, 'abort')).toEqual([])
  // Node warns in the next turn.
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', warn)
  expect(warnings).toEqual([])
})

test('a wait that takes too long is refused, or goes on as overdue', async () => {
  const waiters = new Waiters<string>()
  const refused = waiters.wait({ cancelled, limitMs: 1, tooLong: () => new Error('full') })
  await expect(refused).rejects.toThrow('full')

  let asked = () => {}
  const isOverdue = new Promise<void>((resolve) => {
    asked = resolve
  })
  const overdue = waiters.wait({ cancelled, limitMs: 1, tooLong: () => void asked() as undefined })
  const patient = waiters.wait({ cancelled })
  await isOverdue
  await new Promise((resolve) => setImmediate(resolve))
  expect(waiters.size).toBe(2)
  waiters.refuseOverdue(new Error('no connection'))
  await expect(overdue).rejects.toThrow('no connection')
  waiters.give('served')
  expect(await patient).toBe('served')
})

test('the first can be refused, or all', async () => {
  const waiters = new Waiters<string>()
  const waits = [1, 2, 3].map(() => waiters.wait({ cancelled }))
  waiters.refuseFirst(new Error('first'))
  waiters.refuseAll(new Error('all'))
  const reasons = (await Promise.allSettled(waits)).map((wait) =>
    wait.status === 'rejected' ? wait.reason.message : wait.value,
  )
  expect(reasons).toEqual(['first', 'all', 'all'])
  expect(waiters.size).toBe(0)
})
