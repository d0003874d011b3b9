/** A command that could not be started: the workspace is looked for where that may be why, and nowhere else. */
import { expect, test, vi } from 'vitest'
import { type CommandSurroundings, startCommand } from '../../src/command-start.ts'
import { commandNotStarted, commandUncertain, workdirMissing } from '../../src/errors.ts'
import type { Guard } from '../../src/guard/guard.ts'
import { sessionMark } from '../../src/guard/process-mark.ts'
import { CapturedOutput } from '../../src/output/captured-output.ts'

const context = { signal: new AbortController().signal, report: () => {} }

/** What is told of a command that is refused with `error`, and whether the workspace was looked for. */
async function start(error: Error) {
  const run = async () => Promise.reject(error)
  const guard = { session: sessionMark(), runners: { run } } as unknown as Guard
  const check = vi.fn(async () => {})
  const surroundings = {
    workspace: { workdir: async () => '/' },
    opening: { check },
    steps: { before: async () => {}, notStarted: () => {} },
    env: {},
    output: () => new CapturedOutput(undefined as never),
    guard: async () => guard,
    syncing: () => undefined,
  } as unknown as CommandSurroundings
  const request = { command: 'true', workdir: undefined, env: {} }
  const told = await startCommand(request, context, surroundings).catch((reason) => reason)
  return { told, isLookedFor: check.mock.calls.length > 0 }
}

test('a sandbox without the working directory may have no workspace', async () => {
  const error = workdirMissing('/workspace')
  expect(await start(error)).toEqual({ told: error, isLookedFor: true })
})

test.each([
  commandUncertain('it said nothing', 'Look first.'),
  commandNotStarted('there is no room', 'End some.'),
])(
  'one that has not answered is not asked for it, and what is known is told: %s',
  async (error) => {
    expect(await start(error)).toEqual({ told: error, isLookedFor: false })
  },
)
