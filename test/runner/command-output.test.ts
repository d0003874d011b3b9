/** What a command prints reaches whoever takes it, whole, in order and as fast as it is taken. */
import { buffer, text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { CommandOutput } from '../../src/runner/command-output.ts'

function output() {
  const resumed = { times: 0 }
  const made = new CommandOutput(() => {
    resumed.times += 1
  })
  return { made, resumed }
}

const ways = [
  ['by iterating', (made: CommandOutput) => text(made)],
  ['as a stream', (made: CommandOutput) => text(made.readable)],
] as const

test.each(ways)('all of it, before and after somebody takes it: %s', async (_way, take) => {
  const { made } = output()
  made.accept(Buffer.from('one '))
  made.accept(Buffer.from('two '))
  const taken = take(made)
  await new Promise(setImmediate)
  made.accept(Buffer.from('three'))
  made.finish()
  made.accept(Buffer.from(' and what was left in the background'))
  expect(await taken).toBe('one two three')
  await made.taken
})

test.each(ways)('what ended before anybody took it: %s', async (_way, take) => {
  const { made } = output()
  made.accept(Buffer.from('early'))
  made.finish()
  expect(await take(made)).toBe('early')
  await made.taken
})

test.each(ways)('a reader that does not keep up asks for a pause: %s', async (_way, take) => {
  const { made, resumed } = output()
  if (take === ways[1][1]) void made.readable
  const piece = Buffer.alloc(64 * 1024)
  const told = [1, 2, 3, 4].map(() => made.accept(piece))
  expect(told).toEqual([true, true, true, false])
  const before = resumed.times
  const taken = take(made)
  await new Promise(setImmediate)
  expect(resumed.times).toBeGreaterThan(before)
  expect(made.accept(piece)).toBe(true)
  made.finish()
  expect(await taken).toHaveLength(5 * piece.length)
})

test('whoever stops taking lets the rest go, and holds nothing up', async () => {
  const { made, resumed } = output()
  made.accept(Buffer.from('one'))
  made.accept(Buffer.from('two'))
  for await (const chunk of made) {
    expect(`${chunk}`).toBe('one')
    break
  }
  expect(resumed.times).toBe(1)
  expect(made.accept(Buffer.alloc(1024 * 1024))).toBe(true)
  await made.taken
})

test('a stream that is destroyed does the same', async () => {
  const { made, resumed } = output()
  made.readable.destroy()
  await made.taken
  expect(resumed.times).toBeGreaterThan(0)
  expect(made.accept(Buffer.alloc(1024 * 1024))).toBe(true)
})

test('what was dropped is over for whoever waits for more of it', async () => {
  const { made } = output()
  const waiting = buffer(made)
  await new Promise(setImmediate)
  made.drop()
  expect(await waiting).toHaveLength(0)
  expect(await buffer(made.readable).catch((error: Error) => error.message)).toMatch(/close|abort/i)
})
