/** A guard that does not come, or stands still: its channel is ours, or its shell was stopped. */
import { getEventListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sandboxLost } from '../src/errors.ts'
import { answerMs, endMs, openGuard, readyMs } from '../src/guard/guard.ts'
import { sessionMark } from '../src/guard/process-mark.ts'
import { spawn } from '../src/process.ts'
import type { Channel, Sandbox } from '../src/sandbox.ts'
import { SandboxOpening } from '../src/sandbox-opening.ts'
import { Attendant } from '../src/scripts/attendant.ts'
import { unnoted } from '../src/session-options.ts'
import type { Workspace } from '../src/workspace.ts'
import { localSandbox } from './support/local-sandbox.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

interface Silent extends Channel {
  readonly stdout: PassThrough
  isClosed: boolean
}

/** The first channel is the guard's; nothing is said on it, nor on those of runners. */
function silentSandbox() {
  const channels: Silent[] = []
  const state = { isClosed: false }
  const start = async () => {
    let end = () => {}
    const exit = new Promise<number>((_, reject) => {
      end = () => reject(sandboxLost('sbx', 'it was closed'))
    })
    exit.catch(() => {})
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
    stdin.resume()
    const close = () => {
      channel.isClosed = true
      stdout.end()
      stderr.end()
      end()
    }
    const channel: Silent = { stdin, stdout, stderr, exit, close, isClosed: false }
    channels.push(channel)
    return channel
  }
  const close = async () => {
    state.isClosed = true
    for (const channel of channels) channel.close()
  }
  const sandbox: Sandbox = { name: 'sbx', kind: 'ssh', root: '/', start, close }
  return { sandbox, channels, state }
}
/** Until all has been done that waits for nothing else. */
const settle = () => new Promise((resolve) => setImmediate(resolve))
const expectNothingLeft = (channels: readonly Silent[], signal: AbortSignal) => {
  expect(channels.map(({ stdin }) => stdin.writableEnded)).toEqual(channels.map(() => true))
  expect(channels[0]?.isClosed).toBe(true)
  expect(getEventListeners(signal, 'abort')).toEqual([])
  expect(vi.getTimerCount()).toBe(0)
}

test('whoever gives up does not wait for it', async () => {
  const { sandbox, channels } = silentSandbox()
  const stop = new AbortController()
  const opening = openGuard(sandbox, stop.signal)
  await settle()
  stop.abort()
  await expect(opening).rejects.toMatchObject({ code: 'CANCELLED' })
  expectNothingLeft(channels, stop.signal)
})

test('one that says nothing is given up in time, and not before', async () => {
  const { sandbox, channels } = silentSandbox()
  const { signal } = new AbortController()
  const failed = vi.fn()
  void openGuard(sandbox, signal).catch(failed)
  await vi.advanceTimersByTimeAsync(readyMs - 1)
  expect(failed).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  const message = 'sandbox sbx does not answer within 30 s'
  expect(failed).toHaveBeenCalledWith(
    expect.objectContaining({ code: 'BACKEND_UNAVAILABLE', message }),
  )
  expectNothingLeft(channels, signal)
})

async function readyGuard() {
  const { sandbox, channels } = silentSandbox()
  const { signal } = new AbortController()
  const opening = openGuard(sandbox, signal)
  await settle()
  channels[0]?.stdout.write('ready\n')
  return { guard: await opening, channels, signal }
}

test('of the wait for one that comes nothing is left', async () => {
  const { signal } = await readyGuard()
  await settle()
  expect(getEventListeners(signal, 'abort')).toEqual([])
  expect(vi.getTimerCount()).toBe(0)
})

test('one that stands still is not waited for when the session ends', async () => {
  const { guard, channels, signal } = await readyGuard()
  let hasClosed = false
  const closing = guard.close().then(() => {
    hasClosed = true
  })
  await vi.advanceTimersByTimeAsync(endMs - 1)
  expect(hasClosed).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  // What runs commands is given a while of its own.
  await vi.advanceTimersByTimeAsync(endMs)
  await closing
  expectNothingLeft(channels, signal)
})

test('a session that ends meanwhile does not wait for it, and closes its sandbox', async () => {
  const { sandbox, channels, state } = silentSandbox()
  const workspace = { open: async () => sandbox } as unknown as Workspace
  const opening = new SandboxOpening(workspace, unnoted, () => {}, {})
  const { signal } = new AbortController()
  const guard = opening.guard({ signal, report: () => {} })
  guard.catch(() => {})
  await settle()
  await opening.close()
  await expect(guard).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(state.isClosed).toBe(true)
  expectNothingLeft(channels, signal)
})

test('one that is asked and stands still counts as lost in time, and one that answers has its time again', async () => {
  const { guard, channels, signal } = await readyGuard()
  const [lost, failed] = [vi.fn(), vi.fn()]
  void guard.lost.then(lost)
  const first = guard.signal('TERM', 500, sessionMark())
  await vi.advanceTimersByTimeAsync(answerMs - 1)
  void guard.hasProcesses().catch(failed)
  channels[0]?.stdout.write('1\n')
  await first
  await vi.advanceTimersByTimeAsync(answerMs - 1)
  expect(failed).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  const why = expect.objectContaining({
    code: 'SANDBOX_LOST',
    message: 'sandbox sbx has not answered for 30 s; what ran there is given up, and may go on',
  })
  expect(failed).toHaveBeenCalledWith(why)
  expect(lost).toHaveBeenCalledWith(why)
  expect(() => guard.admit()).toThrow('has not answered')
  expectNothingLeft(channels, signal)
})

test('one whose channel is lost tells what the way there says of it', async () => {
  const { guard, channels } = await readyGuard()
  channels[0]?.close()
  expect(await guard.lost).toMatchObject({ message: 'sandbox sbx went away: it was closed' })
})

test('one into whose answers something writes without end counts as lost', async () => {
  const { guard, channels, signal } = await readyGuard()
  const lost = vi.fn()
  void guard.lost.then(lost)
  const asked = expect(guard.hasProcesses()).rejects.toMatchObject({ code: 'SANDBOX_LOST' })
  const zeros = Buffer.alloc(1024 * 1024)
  for (let i = 0; i < 600 && !channels[0]?.isClosed; i++) {
    channels[0]?.stdout.write(zeros)
    await settle()
  }
  await asked
  expect(lost).toHaveBeenCalledWith(
    expect.objectContaining({
      message: expect.stringContaining('sandbox sbx says more than 65536 bytes'),
    }),
  )
  expectNothingLeft(channels, signal)
})

/** Closing it does not end the script, as on a connection. */
function leftRunning(channel: Channel): Channel {
  let cut = (_: Error) => {}
  const closed = new Promise<never>((_, reject) => {
    cut = reject
  })
  const exit = Promise.race([channel.exit, closed])
  exit.catch(() => {})
  const close = () => {
    for (const stream of [channel.stdin, channel.stdout, channel.stderr]) stream.destroy()
    cut(sandboxLost('sbx', 'it was closed'))
  }
  return { ...channel, exit, close }
}

const isThere = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a command that a guard that stands still was to end is told as lost, and ends when the guard goes on', async () => {
  const local = localSandbox({ through: leftRunning })
  const pidFile = join(local.folder, 'guard')
  let begin = `echo $$ >'${pidFile}'\n`
  const start: Sandbox['start'] = (script, signal) => {
    const first = begin
    begin = ''
    return local.start(first + script, signal)
  }
  const { name, kind, root, close } = local
  const guard = await openGuard({ name, kind, root, close, start }, new AbortController().signal)
  const command = await spawn(guard, 'echo begun; sleep 1000', { workdir: '/' })
  for await (const chunk of command.chunks('stdout')) {
    expect(String(chunk)).toBe('begun\n')
    break
  }
  command.stderr.resume()
  const pid = Number(readFileSync(pidFile, 'utf8'))
  process.kill(pid, 'SIGSTOP')
  const killed = expect(command.kill()).rejects.toThrow('has not answered')
  const ended = expect(command.exit).rejects.toThrow('what ran there is given up, and may go on')
  await vi.advanceTimersByTimeAsync(answerMs)
  await killed
  await ended
  expect(isThere(-command.group)).toBe(true)
  process.kill(pid, 'SIGCONT')
  await expect.poll(() => isThere(-command.group), { timeout: 20_000 }).toBe(false)
  local.remove()
})

test('a script of our own is not waited for in a sandbox that stands still as a whole, as a paused one', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
  const { guard, channels, signal } = await readyGuard()
  const told = new Attendant(guard).run({ script: 'cat f', signal, functions: ':' })
  const failed = vi.fn()
  told.catch(failed)
  // It is asked after a while, and has the time that it has for any answer.
  await vi.advanceTimersByTimeAsync(answerMs)
  expect(failed).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(10_000)
  await expect(told).rejects.toMatchObject({ code: 'SANDBOX_LOST' })
  expectNothingLeft(channels, signal)
})
