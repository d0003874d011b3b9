/** A sync that what is in the sandbox stands in the way of: it is told, and a command may put it right. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Session } from '../../src/session.ts'
import { scanFailed, syncHalted } from '../../src/sync/sync-errors.ts'
import type { Workspace } from '../../src/workspace.ts'
import { type LocalSandbox, localSandbox } from '../support/local-sandbox.ts'

const context = { signal: new AbortController().signal, report: () => {} }
const request = { command: 'true', workdir: undefined, env: {} }
const full = scanFailed(84, 'find: write error: No space left on device')

let sandbox: LocalSandbox
let session: Session
let hindrance: Error | undefined
beforeEach(() => {
  sandbox = localSandbox()
  hindrance = undefined
  const workspace: Partial<Workspace> = {
    workdir: async () => '/',
    open: async () => sandbox,
    sync: async () => {
      if (hindrance !== undefined) throw hindrance
      return true
    },
    takeNews: () => [],
    close: async () => {},
  }
  session = new Session(workspace as Workspace, { ephemeral: false })
})
afterEach(async () => {
  await session.close()
  sandbox.remove()
})

/** The exit code, and the news that go with it. */
async function run(): Promise<{ code: number | null; news: string[] }> {
  const execution = await session.execute(request, context)
  const { exitCode: code } = await execution.result
  await session.settle(context)
  return { code, news: session.takeNews().map(({ text }) => text) }
}
const inStep = { code: 0, news: [] }
const notInStep = {
  code: 0,
  news: [expect.stringMatching(/^the files of the workspace are not in step: .*No space left/)],
}

test('one call is refused, and then commands run on what is there until it is put right', async () => {
  expect(await run()).toEqual(inStep)
  hindrance = full
  await expect(run()).rejects.toBe(full)
  expect(await run()).toEqual(notInStep)
  expect(await run()).toEqual(notInStep)
  hindrance = undefined
  expect(await run()).toEqual(inStep)
  hindrance = full
  await expect(run()).rejects.toBe(full)
})

test('whoever was told after a command is not refused the next', async () => {
  const execution = await session.execute(request, context)
  await execution.result
  hindrance = full
  await session.settle(context)
  expect(session.takeNews()).toEqual([{ text: notInStep.news[0] }])
  expect(await run()).toEqual(notInStep)
})

test('what no command can put right is refused each time', async () => {
  hindrance = syncHalted('host', 3)
  for (let i = 0; i < 3; i++) await expect(run()).rejects.toBe(hindrance)
})
