/** Short scripts of our own that are given up. */
import { PassThrough } from 'node:stream'
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
