/** Many sessions in one process: each has its sandbox, and nothing of one stays when it has ended. */
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWhere } from '../support/available.ts'
import { openSession, type TestSession } from '../support/sandbox-session.ts'

const many = 30
const soon = { timeout: 60_000, interval: 100 }

/** What keeps a process alive, and what it holds open. */
function held() {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  // Those of the test itself come and go.
  const { PipeWrap = 0, ProcessWrap = 0, FSEventWrap = 0, TCPSocketWrap = 0 } = counts
  return {
    PipeWrap,
    ProcessWrap,
    FSEventWrap,
    TCPSocketWrap,
    files: readdirSync('/proc/self/fd').length,
  }
}

/** One event may have listeners of the test's runner. */
const listeners = () =>
  process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)

describeWhere('bubblewrap', `bubblewrap: ${many} sessions in one process`, () => {
  const warnings: Error[] = []
  const warn = (warning: Error) => warnings.push(warning)
  beforeAll(() => void process.on('warning', warn))
  afterAll(() => void process.off('warning', warn))

  const open = () => openSession({ settings: { backend: 'bubblewrap' } })

  /** As many at a time as a busy machine has patience for. */
  async function inTurns(act: (n: number) => Promise<void>): Promise<void> {
    const next = Array.from({ length: many }, (_, n) => n).values()
    await Promise.all(
      Array.from({ length: 2 }, async () => {
        for (const n of next) await act(n)
      }),
    )
  }

  test('each runs its own commands, and all that they held is let go', {
    timeout: 240_000,
  }, async () => {
    // What is loaded at the first use stays.
    const first = await open()
    expect(await first.sh('echo on')).toMatchObject({ isError: false })
    await first.close()
    await expect.poll(() => held().ProcessWrap, soon).toBe(0)
    const before = held()
    const listening = listeners()

    const sessions: TestSession[] = []
    await inTurns(async (n) => {
      const session = await open()
      sessions.push(session)
      const { text, facts } = await session.sh(`echo ${n} >number; sleep 600 & cat number`)
      expect(facts).toMatchObject({ exitCode: 0 })
      expect(text).toContain(`${n}\n`)
    })
    expect(sessions).toHaveLength(many)
    expect(held().files).toBeGreaterThan(before.files + many)
    await inTurns(async (n) => sessions[n]?.close())

    await expect.poll(held, soon).toEqual(before)
    expect(listeners()).toBe(listening)
    expect(warnings).toEqual([])
  })
})
