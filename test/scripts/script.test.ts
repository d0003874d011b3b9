/** Short scripts of our own that are given up. */
import { PassThrough, Readable } from 'node:stream'
import { expect, test } from 'vitest'
import type { Sandbox } from '../../src/sandbox.ts'
import { runScript, streamScript } from '../../src/scripts/script.ts'

/** Of a sandbox whose scripts begin although they were given up meanwhile, and end when they are closed. */
function slowSandbox(abort: () => void): Sandbox {
  return {
    name: 'sbx-slow',
    kind: 'ssh',
    root: '/',
    start: async () => {
      abort()
      const [stdout, stderr] = [new PassThrough(), new PassThrough()]
      let lose: (error: Error) => void = () => {}
      const exit = new Promise<number>((_, reject) => {
        lose = reject
      })
      exit.catch(() => {})
      const close = () => {
        stdout.end()
        stderr.end()
        lose(new Error('closed'))
      }
      return { stdin: new PassThrough(), stdout, stderr, exit, close }
    },
    close: async () => {},
  }
}

test('one that has begun after it was given up is closed', async () => {
  const stop = new AbortController()
  const sandbox = slowSandbox(() => stop.abort())
  await expect(runScript(sandbox, ':', undefined, stop.signal)).rejects.toMatchObject({
    code: 'CANCELLED',
  })
})

test('so is one that is read as it prints', async () => {
  const stop = new AbortController()
  const sandbox = slowSandbox(() => stop.abort())
  const { end } = await streamScript(sandbox, ':', undefined, stop.signal)
  await expect(end).rejects.toMatchObject({ code: 'CANCELLED' })
})

/** Of a sandbox whose scripts print without end, and end when they are closed. */
function floodingSandbox(stream: 'stdout' | 'stderr'): Sandbox {
  const chunk = Buffer.alloc(4 * 1024 * 1024)
  return {
    ...slowSandbox(() => {}),
    start: async () => {
      const flood = Readable.from(Array.from({ length: 1_000 }, () => chunk))
      const [stdout, stderr] = [new PassThrough(), new PassThrough()]
      const { promise: exit, reject } = withResolvers()
      const close = () => {
        for (const each of [stdout, stderr, flood]) each.destroy()
        reject(new Error('closed'))
      }
      const channel = { stdin: new PassThrough(), stdout, stderr, exit, close }
      return { ...channel, [stream]: flood }
    },
  }
}

function withResolvers() {
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<number>((_, fail) => {
    reject = fail
  })
  promise.catch(() => {})
  return { promise, reject }
}

test.each(['stdout', 'stderr'] as const)('one whose %s does not end is closed', async (stream) => {
  const flooded = {
    code: 'SANDBOX_LOST',
    message: expect.stringContaining('sbx-slow says more than'),
  }
  const { signal } = new AbortController()
  await expect(runScript(floodingSandbox(stream), ':', undefined, signal)).rejects.toMatchObject(
    flooded,
  )
  if (stream === 'stdout') return
  const { end } = await streamScript(floodingSandbox(stream), ':', undefined, signal)
  await expect(end).rejects.toMatchObject(flooded)
})
