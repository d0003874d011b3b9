/** How many runners a session has: few, and as many as it has shown to need. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sandboxLost } from '../../src/errors.ts'
import { type Guard, openGuard } from '../../src/guard/guard.ts'
import { spawn } from '../../src/process.ts'
import { RunnerPool } from '../../src/runner/pool.ts'
import type { Channel, Sandbox } from '../../src/sandbox.ts'
import { type LocalSandbox, localSandbox } from '../support/local-sandbox.ts'

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

test('commands whose directory is missing are no more that run', async () => {
  const { promise: heard, resolve: hear } = gate()
  const scripts = new Set<Channel>()
  const { own, pool, watched, allReady, close } = ownPool((channel) => {
    scripts.add(channel)
    const gone = () => scripts.delete(channel)
    channel.exit.then(gone, gone)
    return late(channel, ':workdir', 'after', () => heard)
  })
  const hold = join(own.root, 'hold')
  execFileSync('mkfifo', [hold])
  const line = { workdir: '/', env: {}, digits: undefined, stdin: 'none' } as const
  const start = (run: string, workdir = '/') =>
    pool.run({ ...line, run, workdir }, ...admitted, undefined)
  const ended = async ({ group, command }: Awaited<ReturnType<typeof start>>) => {
    await Promise.all([text(command.stdout), text(command.stderr), command.gone])
    watched.delete(group)
  }
  await expect(start('true', '/nowhere')).rejects.toThrow('nowhere')
  hear()
  const begun = await Promise.all(Array.from({ length: 12 }, () => start(`: <'${hold}'`)))
  const held = await open(hold, 'r+')
  await Promise.all(begun.map(ended))
  await held.close()
  await allReady()
  for (const script of [...scripts].slice(4)) script.close()
  await expect.poll(() => scripts.size, soon).toBe(4)
  // Only when nothing runs are as many started as are to be found the next time.
  await ended(await start('true'))
  await expect.poll(() => scripts.size, soon).toBeGreaterThanOrEqual(6)
  await close()
})

test('a runner whose command was cancelled while it began is used again, or gone', async () => {
  let { promise: heard, resolve: hear } = gate()
  const { own, pool, watched, allReady, close } = ownPool((channel) =>
    late(channel, ':started', 'before', () => heard),
  )
  const began = join(own.root, 'began')
  execFileSync('mkfifo', [began])
  const run = `echo >'${began}'; exec sleep 300`
  const line = { run, workdir: '/', env: {}, digits: undefined, stdin: 'none' } as const
  let killed = 0
  const kill = async (group: number) => {
    killed = group
    process.kill(-group, 'SIGKILL')
  }
  for (let n = 0; n < 8; n++) {
    ;({ promise: heard, resolve: hear } = gate())
    const abort = new AbortController()
    const starting = pool.run(line, () => {}, kill, abort.signal)
    starting.catch(() => {})
    await readFile(began)
    abort.abort()
    hear()
    await expect(starting).rejects.toMatchObject({ code: 'CANCELLED' })
    await expect.poll(() => watched.has(killed), soon).toBe(false)
    await allReady()
  }
  expect(own.running).toBeLessThan(6)
  await close()
})

test('who cancels a command that has begun unheard is told when it has taken back what it did', async () => {
  const { promise: heard, resolve: hear } = gate()
  const own: LocalSandbox = localSandbox({
    // The first is the guard's.
    through: (channel) =>
      own.started === 1 ? channel : late(channel, ':started', 'before', () => heard),
  })
  const other = await openGuard(own, never)
  const file = (name: string) => join(own.root, name)
  execFileSync('mkfifo', [file('began'), file('undo')])
  const undo = `read -r line <'${file('undo')}'; echo undone >'${file('undone')}'`
  const script = `trap "${undo}" EXIT; trap 'exit 143' TERM; sh -c "echo >'${file('began')}'; exec sleep 300"; exit 0`
  const abort = new AbortController()
  const end = spawn(other, script, { workdir: '/', signal: abort.signal }).catch(({ code }) => ({
    code,
    isUndone: existsSync(file('undone')),
  }))
  await readFile(file('began'))
  abort.abort()
  hear()
  // Time to tell too early.
  await other.check()
  const undoing = await open(file('undo'), 'r+')
  await undoing.write('go on\n')
  expect(await end).toEqual({ code: 'CANCELLED', isUndone: true })
  await undoing.close()
  await other.close()
  await own.quiet()
  own.remove()
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

test('where there is no room for as many as ran at once, those that wait leave theirs to others', async () => {
  // What is asked for by another comes first: the session's own next runner does not take the place.
  let isAsked = false
  const room = async (signal: AbortSignal, isFull: () => boolean) => {
    while (isFull()) {
      await new Promise((resolve) => setTimeout(resolve, 10))
      signal.throwIfAborted()
    }
  }
  const crowded: LocalSandbox = {
    ...sandbox,
    start: async (script, signal) => {
      await room(signal, () => isAsked || sandbox.running >= 7)
      return sandbox.start(script, signal)
    },
  }
  const own = await openGuard(crowded, never)
  const runs = Array.from({ length: 12 }, async () => {
    const process = await spawn(own, 'echo on', { workdir: sandbox.root })
    process.stderr.resume()
    return text(process.stdout)
  })
  expect(await Promise.all(runs)).toEqual(Array(12).fill('on\n'))
  await expect.poll(() => sandbox.running, soon).toBe(7)
  isAsked = true
  const patience = AbortSignal.timeout(20_000)
  await room(patience, () => sandbox.running >= 7)
  const other = await sandbox.start('echo of another', patience)
  other.stderr.resume()
  expect(await text(other.stdout)).toBe('of another\n')
  await own.close()
})

test.each([
  ['exit 2', 'no process more can be started in the sandbox', 'End what runs there'],
  ['kill -KILL $$', 'perhaps because the memory is used up', 'sandbox-mcp recreate'],
  ['echo no setsid >&2; exit 127', 'no setsid', 'has a POSIX sh'],
])('a sandbox in which no shell gets ready says what it lacks (%s)', async (end, reason, hint) => {
  const lacking: Sandbox = {
    ...sandbox,
    start: (_, ...rest) => sandbox.start(`sh -c '${end}'; exit $?`, ...rest),
  }
  const pool = new RunnerPool(lacking, { add: () => {}, drop: () => {} })
  const line = { run: 'true', workdir: '/', env: {}, digits: undefined, stdin: 'none' } as const
  await expect(pool.run(line, ...admitted, undefined)).rejects.toMatchObject({
    code: 'COMMAND_NOT_STARTED',
    message: expect.stringContaining(reason),
    hint: expect.stringContaining(hint),
  })
  pool.close()
  await pool.ended()
})

test('what was to be started for those whom others have served by now is given up', async () => {
  let [starts, waiting] = [0, 0]
  const crowded: LocalSandbox = {
    ...sandbox,
    start: async (script, signal) => {
      starts += 1
      // The guard, and one runner.
      if (starts <= 2) return sandbox.start(script, signal)
      waiting += 1
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      waiting -= 1
      throw signal.reason
    },
  }
  const own = await openGuard(crowded, never)
  const hold = join(sandbox.root, 'hold')
  execFileSync('mkfifo', [hold])
  const ended = async (command: string) => {
    const process = await spawn(own, command, { workdir: sandbox.root })
    process.stdout.resume()
    process.stderr.resume()
    return process.exit
  }
  const ends = [`: <'${hold}'`, 'true', 'true', 'true'].map(ended)
  await expect.poll(() => waiting, soon).toBeGreaterThanOrEqual(3)
  const held = await open(hold, 'r+')
  expect(await Promise.all(ends)).toEqual([0, 0, 0, 0])
  await held.close()
  await expect.poll(() => waiting, soon).toBe(0)
  await own.close()
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

test('where a sandbox was lost before its shell was ready, that is told, and nothing of its image', async () => {
  const lost = sandboxLost('sbx-a', 'the connection was closed')
  const words = () => Readable.from([Buffer.from('a greeting of its profile\n')])
  const channel = (): Channel => ({
    stdin: new PassThrough().resume(),
    stdout: Readable.from([]),
    stderr: words(),
    exit: Promise.reject(lost),
    close: () => {},
  })
  const pool = new RunnerPool(
    { ...sandbox, start: async () => channel() },
    { add: () => {}, drop: () => {} },
  )
  const line = { run: 'true', workdir: '/', env: {}, digits: undefined, stdin: 'none' } as const
  await expect(pool.run(line, ...admitted, never)).rejects.toBe(lost)
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

/** A pool of its own, without a guard: all that runs in its sandbox are runners. */
function ownPool(through: (channel: Channel) => Channel) {
  const own = localSandbox({ through })
  const watched = new Set<number>()
  const pool = new RunnerPool(own, {
    add: (group) => void watched.add(group),
    drop: (group) => void watched.delete(group),
  })
  return {
    own,
    pool,
    watched,
    /** While nothing runs: what is ready has a group that is watched. */
    allReady: () => expect.poll(() => own.running - watched.size, soon).toBe(0),
    close: async () => {
      pool.close()
      await pool.ended()
      own.remove()
    },
  }
}

const admitted = [() => {}, async () => {}] as const

/** As of a line that is slow: what comes after an answer, or from it on, is there before it is heard. */
function late(
  { stdout, stderr, ...channel }: Channel,
  answer: string,
  from: 'before' | 'after',
  heard: () => Promise<void>,
): Channel {
  const mark = `${answer}${from === 'after' ? '\x1e' : ''}`
  const held = async function* (stream: Readable) {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      const at = chunk.indexOf(mark)
      const rest = at === -1 ? 0 : at + (from === 'after' ? mark.length : 0)
      if (rest > 0) yield chunk.subarray(0, rest)
      if (at !== -1 || stream === stdout) await heard()
      if (rest < chunk.length) yield chunk.subarray(rest)
    }
  }
  return { ...channel, stdout: Readable.from(held(stdout)), stderr: Readable.from(held(stderr)) }
}
