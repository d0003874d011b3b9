/** A guard that does not come: its channel is ours, because none of a shell does that. */
import { getEventListeners } from 'node:events'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sandboxLost } from '../src/errors.ts'
import { endMs, openGuard, readyMs } from '../src/guard/guard.ts'
import type { Channel, Sandbox } from '../src/sandbox.ts'
import { SandboxOpening } from '../src/sandbox-opening.ts'
import { unnoted } from '../src/session-options.ts'
import type { Workspace } from '../src/workspace.ts'

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

test('of the wait for one that comes nothing is left', async () => {
  const { sandbox, channels } = silentSandbox()
  const { signal } = new AbortController()
  const opening = openGuard(sandbox, signal)
  await settle()
  channels[0]?.stdout.write('ready\n')
  await opening
  await settle()
  expect(getEventListeners(signal, 'abort')).toEqual([])
  expect(vi.getTimerCount()).toBe(0)
})

test('one that stands still is not waited for when the session ends', async () => {
  const { sandbox, channels } = silentSandbox()
  const { signal } = new AbortController()
  const opening = openGuard(sandbox, signal)
  await settle()
  channels[0]?.stdout.write('ready\n')
  const guard = await opening
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
