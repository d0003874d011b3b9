/** A client that does not read: what waits for it does not grow with time. */
import { expect, test } from 'vitest'
import { Progress } from '../../src/mcp/progress.ts'

const soon = { timeout: 10_000, interval: 10 }

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
  progress.tell(1, 'first')
  await expect.poll(() => sent, soon).toEqual(['first'])
  for (let n = 2; n <= 1_000; n++) progress.tell(n, `number ${n}`)
  // Twice as long as the pause between two that are taken.
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect(sent).toEqual(['first'])
  take()
  await expect.poll(() => sent, soon).toEqual(['first', 'number 1000'])
  progress.stop()
  progress.tell(1_001, 'too late')
  take()
  await new Promise((resolve) => setImmediate(resolve))
  expect(sent).toHaveLength(2)
})

test('a client that fails to take one is sent the next', async () => {
  const sent: string[] = []
  const progress = new Progress(async (_done, message) => {
    sent.push(message)
    throw new Error('broken')
  })
  progress.tell(1, 'first')
  await expect.poll(() => sent, soon).toEqual(['first'])
  progress.tell(2, 'second')
  await expect.poll(() => sent, soon).toEqual(['first', 'second'])
  progress.stop()
})
