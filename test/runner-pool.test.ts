/** How many runners a session has: few, and as many as it has shown to need. */
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Guard, openGuard } from '../src/guard.ts'
import { spawn } from '../src/process.ts'
import { RunnerPool } from '../src/runner-pool.ts'
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

function isThere(group: number): boolean {
  try {
    return process.kill(-group, 0)
  } catch {
    return false
  }
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
  // Each of the two commands may want one ahead, while it waits and when its runner is back, which takes some
  // milliseconds. Over and over is thousands.
  for (const end = performance.now() + 300; performance.now() < end; ) {
    await new Promise(setImmediate)
  }
  expect(tries).toBeLessThan(10)
})

test('a group is watched before it runs anything, and no longer once it is gone or its runner is', async () => {
  const watched = new Set<number>()
  const pool = new RunnerPool(sandbox, {
    add: (group) => void watched.add(group),
    drop: (group) => void watched.delete(group),
  })
  const line = { run: 'sleep 0.2', workdir: sandbox.root, env: {}, digits: undefined } as const
  for (let n = 0; n < 3; n++) {
    let admitted = 0
    const admit = () => {
      admitted = watched.size
    }
    const started = pool.run({ ...line, stdin: 'none' }, admit, async () => {}, undefined)
    const { group, command } = await started
    expect(admitted).toBeGreaterThan(0)
    expect(watched).toContain(group)
    await Promise.all([text(command.stdout), text(command.stderr)])
    expect(await command.exit).toBe(0)
    // Whoever knows that it is gone says so.
    expect(watched).toContain(group)
    await command.gone
    watched.delete(group)
  }
  const nowhere = { ...line, workdir: `${sandbox.root}/nowhere`, stdin: 'none' } as const
  await expect(
    pool.run(
      nowhere,
      () => {},
      async () => {},
      undefined,
    ),
  ).rejects.toThrow('nowhere')
  await expect.poll(() => [...watched].filter((group) => !isThere(group)), soon).toEqual([])
  const refused = () => {
    throw new Error('the session is ending')
  }
  await expect.poll(() => watched.size, soon).toBeGreaterThan(0)
  const run = pool.run({ ...line, stdin: 'none' }, refused, async () => {}, undefined)
  await expect(run).rejects.toThrow('the session is ending')
  expect(watched.size).toBeGreaterThan(0)
  pool.close()
  await pool.ended()
  await expect.poll(() => watched.size, soon).toBe(0)
})

test('one that cannot be started refuses nobody whom another will serve', async () => {
  const { promise: room, resolve: makeRoom } = gate()
  const { promise: refusal, resolve: refuse } = gate()
  let starts = 0
  const crowded: LocalSandbox = {
    ...sandbox,
    start: async (...args) => {
      starts += 1
      if (starts === 1) await room
      else {
        await refusal
        throw new Error('there is no room')
      }
      return sandbox.start(...args)
    },
  }
  const pool = new RunnerPool(crowded, { add: () => {}, drop: () => {} })
  const line = { run: 'true', workdir: sandbox.root, env: {}, digits: undefined } as const
  const impatient = new AbortController()
  const start = (signal = never) =>
    pool.run(
      { ...line, stdin: 'none' },
      () => {},
      async () => {},
      signal,
    )
  const first = start(impatient.signal)
  const second = start()
  await expect.poll(() => starts, soon).toBe(2)
  impatient.abort()
  await expect(first).rejects.toMatchObject({ code: 'CANCELLED' })
  refuse()
  await new Promise(setImmediate)
  makeRoom()
  const { command } = await second
  await Promise.all([text(command.stdout), text(command.stderr)])
  expect(await command.exit).toBe(0)
  pool.close()
  await pool.ended()
})

function gate() {
  let resolve = () => {}
  const promise = new Promise<void>((open) => {
    resolve = open
  })
  return { promise, resolve }
}
