/** A launcher that takes a command and says nothing: a channel that is ours, or a shell that was stopped. */
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { beginCommand } from '../../src/runner/begin-command.ts'
import { RunnerEnded, RunnerSilent, silenceMs } from '../../src/runner/command.ts'
import { RunnerPool } from '../../src/runner/pool.ts'
import { Runner } from '../../src/runner/runner.ts'
import type { Sandbox } from '../../src/sandbox.ts'
import { localSandbox } from '../support/local-sandbox.ts'

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
  let cut: (error: Error) => void = () => {}
  const exit = new Promise<number>((resolve, reject) => {
    end = resolve
    cut = reject
  })
  const start = async (script: string) => {
    token = /\\036([0-9a-f]+):/.exec(script)?.[1]
    const close = () => {
      for (const stream of [stdout, stderr]) stream.destroy()
      cut(new Error('it was closed'))
    }
    return { stdin, stdout, stderr, exit, close }
  }
  const runner = await Runner.start({ start } as unknown as Sandbox, {}, never)
  const say = (stream: PassThrough, text: string) => stream.write(`\x1e${token}:${text}\x1e`)
  say(stderr, 'ready 500 bash5')
  expect(await runner.ready).toBe(true)
  return { runner, stdin, stdout, stderr, say, end }
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
  expect(failed).toBeInstanceOf(RunnerSilent)
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

/** What becomes of a command that its runner says nothing of, and whether it was ended and its runner closed. */
function givenUp(runner: Runner, signal?: AbortSignal) {
  const command = runner.run(line, () => {})
  let isEnded = false
  const end = async () => {
    isEnded = true
  }
  const begun = beginCommand({ runner, group: runner.group, command }, end, signal).then(
    () => 'begun',
    (error: unknown) => error,
  )
  return { begun, isEnded: () => isEnded }
}

test('a command that is given up is ended, and was not started if its launcher ended unheard', async () => {
  const { runner, stdout, stderr, say, end } = await readyRunner()
  const { begun, isEnded } = givenUp(runner)
  await vi.advanceTimersByTimeAsync(silenceMs)
  expect(isEnded()).toBe(true)
  for (const stream of [stdout, stderr]) {
    say(stream, '137')
    stream.end()
  }
  end(1)
  expect(await begun).toMatchObject({
    code: 'COMMAND_NOT_STARTED',
    message: 'the command was not started: the sandbox took it and said nothing for 30 s',
    hint: expect.stringMatching(/^Call again/),
  })
})

test('one that answers when it was given up has begun, and whoever calls again is told so', async () => {
  const { runner, stdout, stderr, say } = await readyRunner()
  const { begun } = givenUp(runner)
  await vi.advanceTimersByTimeAsync(silenceMs)
  say(stderr, 'started 600')
  say(stdout, '143')
  say(stderr, '143')
  expect(await begun).toMatchObject({
    message: expect.stringMatching('may have begun'),
    hint: expect.stringMatching('before you call again'),
  })
  say(stderr, 'ready 501 bash5')
  expect(await runner.ready).toBe(true)
})

test.each([
  ['that is silent', undefined],
  ['that was cancelled', AbortSignal.abort()],
])(
  'a runner %s and does not end is closed: what it was told is not to be read any more',
  async (_, signal) => {
    const { runner } = await readyRunner()
    const { begun, isEnded } = givenUp(runner, signal)
    await vi.advanceTimersByTimeAsync(silenceMs + 5_000)
    expect(isEnded()).toBe(true)
    expect(await begun).toMatchObject(
      signal === undefined
        ? { message: expect.stringMatching('may have begun') }
        : { code: 'CANCELLED' },
    )
    await runner.over
  },
)

test('a command whose launcher stands still is not run by it later', async () => {
  const sandbox = localSandbox()
  let waiting = 0
  const add = (group: number) => {
    waiting = group
  }
  const pool = new RunnerPool(sandbox, { add, drop: () => {} })
  await expect.poll(() => waiting).toBeGreaterThan(0)
  const group = waiting
  process.kill(-group, 'SIGSTOP')
  const ended: number[] = []
  const end = async (number: number) => {
    ended.push(number)
    process.kill(-number, 'SIGKILL')
  }
  const started = pool.run({ ...line, run: 'echo ran' }, () => {}, end, undefined)
  const told = expect(started).rejects.toMatchObject({ code: 'COMMAND_NOT_STARTED' })
  await vi.advanceTimersByTimeAsync(silenceMs)
  await told
  expect(ended).toEqual([group])
  expect(() => process.kill(-group, 'SIGCONT')).toThrow('ESRCH')
  pool.close()
  await pool.ended()
  sandbox.remove()
})
