/** When shells are started that wait for scripts, and who gets them, on a host whose answers the test gives. */
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Connection } from '../../src/backends/ssh/connection.ts'
import { ConnectionPool } from '../../src/backends/ssh/pool.ts'
import { WaitingShells } from '../../src/backends/ssh/waiting-shells.ts'
import type { Channel } from '../../src/sandbox.ts'

const never = new AbortController().signal

interface TestChannel extends Channel {
  /** What it was told so far. */
  told: string
  readonly number: number
}

/** Channels that were asked for; each opens when the test says so. */
let asked: ((channel: TestChannel | undefined) => void)[]
let opened: TestChannel[]
let connections: number
let lose: (why: Error | undefined) => void
let pool: ConnectionPool
beforeEach(() => {
  asked = []
  opened = []
  connections = 0
  const exec = () =>
    new Promise<Channel | undefined>((resolve) => {
      asked.push(resolve)
    })
  const connect = async (): Promise<Connection> => {
    connections += 1
    const closed = new Promise<Error | undefined>((resolve) => {
      lose = resolve
    })
    return { exec, closed, close: () => {} }
  }
  pool = new ConnectionPool('sbx', connect, { channelsEach: 8, connections: 2, backoffMs: [] })
})
afterEach(() => pool.close())

/** Opens the channel that was asked for as the `number`th. */
function open(number: number): TestChannel {
  let end = (_code: number) => {}
  const channel: TestChannel = {
    number,
    told: '',
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    exit: new Promise((resolve) => {
      end = resolve
    }),
    close: () => end(0),
  }
  channel.stdin.on('finish', () => end(0))
  ;(channel.stdin as PassThrough).on('data', (piece) => {
    channel.told += String(piece).replace(/^exit 126 #\w+ /, '')
  })
  opened[number] = channel
  asked[number]?.(channel)
  return channel
}
/** Until all has been done that waits for nothing else. */
const settle = async () => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
}
/** Shells of which one has its script, and two more were asked for. */
async function afterFirst(): Promise<WaitingShells> {
  const shells = new WaitingShells(pool, { sandbox: 'sbx' })
  const first = shells.start('first', never)
  await settle()
  open(0)
  await first
  return shells
}
const numberOf = async (started: Promise<Channel>) => ((await started) as TestChannel).number

test('nothing is connected for them, and they come with the first connection', async () => {
  const shells = new WaitingShells(pool, { sandbox: 'sbx' })
  shells.prepare()
  await settle()
  expect(connections).toBe(0)
  const others = new WaitingShells(pool)
  others.prepare(1)
  const first = others.start('a', never)
  await settle()
  expect([connections, asked.length]).toEqual([1, 6])
  open(0)
  expect(await numberOf(first)).toBe(0)
  // Those that only look after a sandbox are not replaced.
  expect(asked).toHaveLength(6)
})

test('one that is on its way is taken before another is asked for', async () => {
  const shells = await afterFirst()
  expect(asked).toHaveLength(3)
  const [second, third, fourth] = ['second', 'third', 'fourth'].map((one) =>
    shells.start(one, never),
  )
  await settle()
  expect(asked).toHaveLength(4)
  open(2)
  open(1)
  open(3)
  expect(
    await Promise.all([second, third, fourth].map((one) => numberOf(one as Promise<Channel>))),
  ).toEqual([2, 1, 3])
  await settle()
  expect([1, 2, 3].map((number) => opened[number]?.told)).toEqual([
    'third\n',
    'second\n',
    'fourth\n',
  ])
})

test('where one that was on its way is refused, another is asked for', async () => {
  const shells = await afterFirst()
  const second = shells.start('second', never)
  await settle()
  asked[1]?.(undefined)
  asked[2]?.(undefined)
  await settle()
  open(0)
  // The host takes one channel: a second connection has the next.
  await expect.poll(() => connections).toBe(2)
  await expect.poll(() => asked.length).toBeGreaterThan(3)
  open(3)
  expect(await numberOf(second)).toBe(3)
})

test('whoever gives up does not take one from the next', async () => {
  const shells = await afterFirst()
  const stop = new AbortController()
  const second = shells.start('second', stop.signal)
  await settle()
  stop.abort()
  await expect(second).rejects.toMatchObject({ code: 'CANCELLED' })
  open(1)
  expect(await numberOf(shells.start('third', never))).toBe(1)
  await settle()
  expect(opened[1]?.told).toBe('third\n')
})

test('one that has ended is not taken', async () => {
  const shells = await afterFirst()
  open(1).close()
  await settle()
  open(2)
  expect(await numberOf(shells.start('second', never))).toBe(2)
})

test('those that nobody needs are ended, also when they come later', async () => {
  const shells = new WaitingShells(pool)
  shells.prepare(2)
  const first = shells.start('first', never)
  await settle()
  open(0)
  await first
  const early = open(1)
  await settle()
  shells.dismiss()
  const late = open(2)
  await settle()
  expect([early.stdin.writableEnded, late.stdin.writableEnded]).toEqual([true, true])
  await expect(Promise.all([early.exit, late.exit])).resolves.toEqual([0, 0])
})

test('a connection that had a channel and refuses the next is given up for another', async () => {
  const first = pool.exec('', '', never)
  await settle()
  open(0).close()
  await first
  const second = pool.exec('', '', never)
  await settle()
  asked[1]?.(undefined)
  await settle()
  expect(connections).toBe(2)
  open(2)
  expect(await numberOf(second)).toBe(2)
})

test('how a connection ended is no reason once there is another', async () => {
  for (const number of [0, 1]) {
    const run = pool.exec('true', '@', never)
    await settle()
    open(number)
    await run
    if (number === 0) lose(new Error('the host has not answered for a minute'))
    await settle()
  }
  pool.close()
  await expect(pool.exec('true', '@', never)).rejects.toThrow(
    'sandbox sbx went away: it was closed',
  )
})

test('who comes when a sandbox was closed because the host is silent is told that', async () => {
  await afterFirst()
  lose(new Error('the host has not answered for a minute'))
  await settle()
  pool.close()
  await expect(pool.exec('true', '@', never)).rejects.toMatchObject({
    code: 'SANDBOX_LOST',
    message: 'sandbox sbx went away: the host has not answered for a minute',
  })
})
