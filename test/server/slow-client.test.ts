/** A client that does not read: what waits for it does not grow with time. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Progress } from '../../src/mcp/progress.ts'
import { UnreadNotices } from '../../src/mcp/unread-notices.ts'

/** Longer than the pause between two that are taken, and shorter than the silence that asks for a sign of life. */
const aWhile = () => vi.advanceTimersByTimeAsync(600)

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('progress waits until the client has taken the last, and then tells the newest', async () => {
  const sent: string[] = []
  let take = () => {}
  const progress = new Progress(
    (_done, message) =>
      new Promise((resolve) => {
        sent.push(message)
        take = resolve
      }),
  )
  progress.tell(1, () => 'first')
  await aWhile()
  expect(sent).toEqual(['first'])
  const asked: number[] = []
  for (let n = 2; n <= 1_000; n++) {
    progress.tell(n, () => {
      asked.push(n)
      return `number ${n}`
    })
  }
  await aWhile()
  expect(sent).toEqual(['first'])
  take()
  await aWhile()
  expect(sent).toEqual(['first', 'number 1000'])
  // Nobody worked out what is not sent.
  expect(asked).toEqual([1_000])
  progress.stop()
  progress.tell(1_001, () => 'too late')
  take()
  await aWhile()
  expect(sent).toHaveLength(2)
})

test('a client that fails to take one is sent the next', async () => {
  const sent: string[] = []
  const progress = new Progress(async (_done, message) => {
    sent.push(message)
    throw new Error('broken')
  })
  progress.tell(1, () => 'first')
  await aWhile()
  expect(sent).toEqual(['first'])
  progress.tell(2, () => 'second')
  await aWhile()
  expect(sent).toEqual(['first', 'second'])
  progress.stop()
})

test('of one thing one notice waits for the client, and one more of what came in the meantime', async () => {
  const sent: string[] = []
  const takes: (() => void)[] = []
  const notices = new UnreadNotices(
    (about) =>
      new Promise((resolve, reject) => {
        sent.push(about)
        takes.push(about === 'broken' ? reject : resolve)
      }),
  )
  for (let n = 0; n < 1_000; n++) for (const about of ['a', 'b', 'broken']) notices.tell(about)
  await aWhile()
  expect(sent).toEqual(['a', 'b', 'broken'])
  for (const take of takes.splice(0)) take()
  await aWhile()
  expect(sent.splice(0)).toEqual(['a', 'b', 'broken', 'a', 'b', 'broken'])
  for (const take of takes.splice(0)) take()
  await aWhile()
  expect(sent).toEqual([])
  notices.tell('a')
  expect(sent).toEqual(['a'])
})
