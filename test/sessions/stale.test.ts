/** A sandbox that was made with other settings: kept and told while it is in use, and rebuilt after. */
import Docker from 'dockerode'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { describeWhere, images } from '../support/available.ts'
import { openSession, type TestSession } from '../support/sandbox-session.ts'
import { settingsWith } from '../support/settings.ts'

const base = { settings: { backend: 'docker', image: images.busybox } as const }

describeWhere('docker', 'a Docker sandbox whose settings changed', () => {
  let first: TestSession
  let others: TestSession[]
  beforeEach(async () => {
    others = []
    first = await openSession(base)
  })
  afterEach(async () => {
    for (const other of others) await other.end()
    await first.close()
  })

  /** Another server on the workspace, with other settings. */
  async function withLimit(pidsLimit: number): Promise<TestSession> {
    const docker = { ...settingsWith({}).docker, pidsLimit }
    const other = await openSession(base, { settings: { docker }, beside: first })
    others.push(other)
    return other
  }
  const limit = async () => {
    const { HostConfig } = await new Docker().getContainer(first.spec.name).inspect()
    return HostConfig.PidsLimit
  }

  test('is kept while it is in use; that and how to apply them is told once, to whom it concerns', async () => {
    await first.sh('touch /tmp/kept; sleep 300', { background: true })
    const before = await limit()
    const second = await withLimit(77)
    const told = await second.sh('ls /tmp/kept')
    expect(told.text).toContain(`Sandbox ${first.spec.name} is in use and keeps its old settings`)
    expect(told.text).toMatch(/"sandbox-mcp recreate --session \S+" applies the new ones/)
    expect(told.text).toContain(`--session ${first.spec.scopeKey}`)
    expect(told.text).toMatch(/^\/tmp\/kept\n/)
    expect(await limit()).toBe(before)
    const again = await second.sh('true')
    expect([again.isError, again.text]).toEqual([false, expect.not.stringContaining('settings')])
    expect((await first.sh('true')).text).not.toContain('settings')
  })

  test('is rebuilt at the next use when nobody uses it', async () => {
    await first.sh('touch /tmp/kept')
    await first.end()
    const second = await withLimit(77)
    const { text } = await second.sh('[ -e /tmp/kept ] || echo new; touch in-workspace')
    expect(text).toMatch(/^new\n/)
    expect(text).not.toContain('keeps its old settings')
    expect(await limit()).toBe(77)
    // What is in the workspace is not the sandbox's.
    const third = await withLimit(78)
    await second.end()
    expect((await third.sh('ls')).text).toContain('in-workspace')
    expect(await limit()).toBe(78)
  })

  test('is as it is to a server with the same settings', async () => {
    await first.sh('touch /tmp/kept')
    await first.end()
    const second = await openSession(base, { beside: first })
    others.push(second)
    const { text } = await second.sh('ls /tmp/kept')
    expect(text).toMatch(/^\/tmp\/kept\n/)
    expect(text).not.toContain('settings')
  })
})
