/** How many runners a session has: few, and as many as it has shown to need. */
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Guard, openGuard } from '../src/guard.ts'
import { spawn } from '../src/process.ts'
import { type LocalSandbox, localSandbox } from './support/local-sandbox.ts'

const never = new AbortController().signal
const soon = { timeout: 20_000, interval: 20 }

let sandbox: LocalSandbox
let guard: Guard

beforeEach(async () => {
  sandbox = localSandbox()
  guard = await openGuard(sandbox, never)
})

afterEach(async () => {
  await guard.close()
  await sandbox.quiet()
  sandbox.remove()
})

/** The guard is a script too. */
const runners = () => sandbox.started - 1

async function run(command: string): Promise<string> {
  const process = await spawn(guard, command, { workdir: sandbox.root })
  process.stderr.resume()
  const output = await text(process.stdout)
  expect(await process.exit).toBe(0)
  return output
}

const atOnce = (count: number, command: string) =>
  Promise.all(Array.from({ length: count }, () => run(command)))

test('commands one after another need few', async () => {
  for (let n = 0; n < 20; n++) expect(await run('echo on')).toBe('on\n')
  expect(runners()).toBeLessThan(10)
})

test('whoever ran many at once finds as many the next time', async () => {
  expect(await atOnce(8, 'echo on')).toEqual(Array(8).fill('on\n'))
  // Never more than twice as many as there were.
  expect(await atOnce(8, 'echo on')).toHaveLength(8)
  await expect.poll(runners, soon).toBeGreaterThanOrEqual(6)
  await atOnce(8, 'echo on')
  await expect.poll(runners, soon).toBeGreaterThanOrEqual(8)
})

test('where no more can be started, it is tried once in a while and not over and over', async () => {
  expect(await run('echo on')).toBe('on\n')
  // One beside the one that is going to be killed.
  await expect.poll(runners, soon).toBeGreaterThanOrEqual(2)
  let tries = 0
  Object.assign(sandbox, {
    start: async () => {
      tries += 1
      await new Promise(setImmediate)
      throw new Error('there is no room')
    },
  })
  // One is gone for good, and there are fewer than should wait.
  const last = await spawn(guard, 'kill -KILL $PPID', { workdir: sandbox.root })
  last.stdout.resume()
  last.stderr.resume()
  await last.exit.catch(() => {})
  expect(await run('echo on')).toBe('on\n')
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
  expect(tries).toBeLessThan(4)
})
