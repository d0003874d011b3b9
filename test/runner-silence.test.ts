/** A launcher that takes a command and says nothing: a channel that is ours, because none of a shell does that. */
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Runner } from '../src/runner.ts'
import { RunnerEnded, silenceMs } from '../src/runner-command.ts'
import type { Sandbox } from '../src/sandbox.ts'

const line = { run: 'true', workdir: '/', env: {}, digits: undefined, stdin: 'none' } as const
const never = new AbortController().signal

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** A runner that has said that it is ready, and what says things for it. */
async function readyRunner() {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  stdin.resume()
  let token: string | undefined
  let end: (code: number) => void = () => {}
  const exit = new Promise<number>((resolve) => {
    end = resolve
  })
  const start = async (script: string) => {
    token = /\\036([0-9a-f]+):/.exec(script)?.[1]
    return { stdin, stdout, stderr, exit, close: () => {} }
  }
  const runner = await Runner.start({ start } as unknown as Sandbox, {}, never)
  const say = (stream: PassThrough, text: string) => stream.write(`\x1e${token}:${text}\x1e`)
  say(stderr, 'ready 500 bash5')
  expect(await runner.ready).toBe(true)
  return { runner, stdin, stdout, stderr, say, end }
}

const silent = {
  code: 'COMMAND_NOT_STARTED',
  message: expect.stringMatching('said nothing for 30 s'),
}

/** Its next command has all of the time, and no more. */
async function expectGivenUp(runner: Runner): Promise<void> {
  let failed: unknown
  runner
    .run(line, () => {})
    .started.catch((error: unknown) => {
      failed = error
    })
  await vi.advanceTimersByTimeAsync(silenceMs - 1)
  expect(failed).toBeUndefined()
  await vi.advanceTimersByTimeAsync(1)
  expect(failed).toMatchObject(silent)
}

test('a command that nothing is said of is given up in time, and not before', async () => {
  const { runner } = await readyRunner()
  await expectGivenUp(runner)
})

test('each command of a runner has the whole time, and who has started is left alone', async () => {
  const { runner, stdout, stderr, say } = await readyRunner()
  const first = runner.run(line, () => {})
  say(stderr, 'started 600')
  await first.started
  await vi.advanceTimersByTimeAsync(2 * silenceMs)
  first.stdout.drop()
  first.stderr.drop()
  say(stdout, '0')
  say(stderr, '0')
  expect(await first.exit).toBe(0)
  say(stderr, 'ready 501 bash5')
  expect(await runner.ready).toBe(true)
  await expectGivenUp(runner)
})

test('a runner whose launcher was ended before it said a word is not waited for', async () => {
  const { runner, stdin, stdout, stderr, say, end } = await readyRunner()
  const { started } = runner.run(line, () => {})
  const stdinEnded = once(stdin, 'finish')
  say(stdout, '143')
  say(stderr, '143')
  await stdinEnded
  stdout.end()
  stderr.end()
  end(1)
  await expect(started).rejects.toBeInstanceOf(RunnerEnded)
})

test('nothing is left of a runner that has ended', async () => {
  const { runner, stdout, stderr, say, end } = await readyRunner()
  runner.run(line, () => {})
  say(stderr, 'started 600')
  expect(vi.getTimerCount()).toBe(1)
  stdout.end()
  stderr.end()
  end(0)
  await runner.over
  expect(vi.getTimerCount()).toBe(0)
})
