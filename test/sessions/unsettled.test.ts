/** What a mirrored sandbox holds that the host has not is remembered, whatever happens to the server. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openShellDefaults } from '../../src/backends/openshell/settings.ts'
import { startOf } from '../../src/process-identity.ts'
import { isLeased, type Lease, takeLease, whileUnused } from '../../src/sessions/lease.ts'
import { planSandbox } from '../../src/sessions/plan-sandbox.ts'
import { NotedUse } from '../../src/sessions/sandbox-use.ts'
import {
  isUnsettled,
  leftMarks,
  markUnknown,
  markUnsettled,
  unmark,
} from '../../src/sessions/unsettled.ts'
import { forgetSandbox } from '../../src/sessions/use-record.ts'
import { describeWhere } from '../support/available.ts'
import { type MirrorServer, startMirrorServer } from '../support/mirror-session.ts'
import { pruneIdle } from '../support/prune-idle.ts'
import { context, never } from '../support/remote-sandbox.ts'
import { stateOf, type TestSession } from '../support/sandbox-session.ts'
import { settingsWith } from '../support/settings.ts'

const name = 'sbx-aaaaaaaaaaaaaaa'

describe('marks', () => {
  let state: string
  beforeEach(() => {
    state = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-marks-')))
    onTestFinished(() => rmSync(state, { recursive: true }))
  })
  const marked = async (): Promise<Lease> => {
    const lease = await takeLease(state, name, context)
    markUnsettled(state, lease.id)
    return lease
  }
  const forgetLeft = () => leftMarks(state, name)()

  test('each use has its own, and only what has ended is forgotten by another', async () => {
    const [one, two] = [await marked(), await marked()]
    unmark(state, one.id)
    forgetLeft()
    expect(isUnsettled(state, name)).toBe(true)
    two.release()
    expect(isUnsettled(state, name)).toBe(true)
    forgetLeft()
    expect(isUnsettled(state, name)).toBe(false)
  })

  test('what ends while a sync is under way is not forgotten by that sync', async () => {
    const lease = await marked()
    const forget = leftMarks(state, name)
    lease.release()
    forget()
    expect(isUnsettled(state, name)).toBe(true)
  })

  test('its own is not forgotten by who goes on, even when somebody has taken its lease away', async () => {
    const [own, other] = [await marked(), await marked()]
    rmSync(join(state, 'leases', own.id))
    other.release()
    leftMarks(state, name, own.id)()
    expect(isUnsettled(state, name)).toBe(true)
    forgetLeft()
    expect(isUnsettled(state, name)).toBe(false)
  })

  test('of a sandbox that is gone all are forgotten but those of uses that go on', async () => {
    const [ended, own] = [await marked(), await marked()]
    markUnknown(state, name)
    ended.release()
    forgetSandbox(state, name)
    expect(readdirSync(join(state, 'unsettled'))).toEqual([own.id])
    own.release()
    forgetSandbox(state, name)
    expect(isUnsettled(state, name)).toBe(false)
  })

  test('a sandbox of which it cannot be read whether it is in use or unsettled is both', async () => {
    for (const directory of ['leases', 'unsettled']) symlinkSync(directory, join(state, directory))
    expect(isLeased(state, name)).toBe(true)
    expect(isUnsettled(state, name)).toBe(true)
    let isRemoved = false
    const remove = async () => {
      isRemoved = true
    }
    expect(await whileUnused(state, name, remove, never)).toBe(false)
    expect(isRemoved).toBe(false)
  })

  test.each(['mirror', 'remote'] as const)(
    'a use that goes on in a sandbox made anew is marked again: %s',
    async (mode) => {
      const settings = settingsWith({
        backend: 'openshell',
        openshell: { ...openShellDefaults, mode },
        workspace: { path: state, source: '--workspace' },
      })
      const plan = planSandbox(settings, state)
      const use = new NotedUse(plan, settings)
      const claim = await use.begin(context)
      use.opened('openshell')
      // As who recreates it does, while something runs in it and its lease does not count there.
      rmSync(join(state, 'leases'), { recursive: true })
      forgetSandbox(state, plan.spec.name)
      use.opened('openshell')
      claim.end(false)
      expect(isUnsettled(state, plan.spec.name)).toBe(true)
    },
  )

  test('that of a process that was killed stays until somebody has brought everything back', async () => {
    const other = spawn('sleep', ['100'])
    await once(other, 'spawn')
    const id = `${name}.${other.pid}-${startOf(other.pid ?? 0) ?? ''}-000000000000`
    mkdirSync(join(state, 'leases'))
    writeFileSync(join(state, 'leases', id), '')
    markUnsettled(state, id)
    forgetLeft()
    expect(isUnsettled(state, name)).toBe(true)
    other.kill('SIGKILL')
    await once(other, 'close')
    expect(isUnsettled(state, name)).toBe(true)
    // It may be written down elsewhere that the process lives, in a container with pids of its own.
    writeFileSync(join(state, 'unsettled', id), 'another space of pids')
    forgetLeft()
    expect(isUnsettled(state, name)).toBe(true)
    markUnsettled(state, id)
    forgetLeft()
    expect(isUnsettled(state, name)).toBe(false)
  })

  test('a sandbox of which nothing is known has one, and no other sandbox has', () => {
    markUnknown(state, name)
    expect(isUnsettled(state, name)).toBe(true)
    expect(isUnsettled(state, `${name}b`)).toBe(false)
    expect(isUnsettled(state, name.slice(0, -1))).toBe(false)
    forgetLeft()
    expect(isUnsettled(state, name)).toBe(false)
  })

  test('where it cannot be written, nothing may be changed', () => {
    writeFileSync(join(state, 'unsettled'), 'in the way')
    expect(() => markUnsettled(state, `${name}.1-2-000000000000`)).toThrow(
      /it cannot be noted .* that the sandbox will have changes/,
    )
  })
})

describeWhere('openshell-double', 'a mirrored sandbox', () => {
  let server: MirrorServer
  beforeAll(async () => {
    server = await startMirrorServer()
  })
  afterAll(() => server.close())

  const prepare = (host: string) => writeFileSync(join(host, 'a'), 'of the host')
  const unsettled = (it: TestSession) => isUnsettled(stateOf(it), it.spec.name)
  const exists = async ({ backend, spec }: TestSession) =>
    (await backend.list(spec.installation, never)).some((one) => one.name === spec.name)

  const prune = (it: TestSession) => pruneIdle(it, 'mirror')

  async function withSession(use: (it: TestSession) => Promise<void>): Promise<void> {
    const it = await server.open({ prepare })
    try {
      await use(it)
    } finally {
      await it.close()
    }
  }

  test('whose files are on the host is removed when it is idle', () =>
    withSession(async (it) => {
      await it.sh('echo made > b; mkfifo pipe')
      expect(unsettled(it)).toBe(true)
      await it.end()
      expect(unsettled(it)).toBe(false)
      expect(await prune(it)).toContain('was idle and is removed')
      expect(await exists(it)).toBe(false)
    }))

  test('whose last sync failed is kept, and the next command brings all of it back', () =>
    withSession(async (it) => {
      await it.sh('true')
      const away = `${it.host}-away`
      const { facts } = await it.sh('read line; echo made > b', { background: true })
      renameSync(it.host, away)
      const { id } = facts
      const told = await it.call('process', { action: 'write', id, data: 'go\n', waitMs: 20_000 })
      expect(told.isError).toBe(false)
      await it.session.execution(String(id)).gone
      await it.end()
      renameSync(away, it.host)
      expect(readdirSync(it.host)).toEqual(['a'])
      expect(unsettled(it)).toBe(true)
      expect(await prune(it)).toMatch(/is kept, because not all that was changed/)
      expect(await exists(it)).toBe(true)

      const next = await server.open({ beside: it })
      await next.sh('true')
      expect(readFileSync(join(it.host, 'b'), 'utf8')).toBe('made\n')
      await next.end()
      expect(unsettled(it)).toBe(false)
      expect(await prune(it)).toContain('is removed')
    }))

  test('whose links lead out is removed once they were told, as those of a Python venv', () =>
    withSession(async (it) => {
      const { text } = await it.sh(
        'mkdir -p venv/bin && cd venv && ln -s /usr/bin/env bin/python && ln -s python bin/python3 && echo made > pyvenv.cfg',
      )
      expect(text).toContain('"venv/bin/python" (in the sandbox: it is a link that leads out')
      expect(text).toContain('"venv/bin/python3" (in the sandbox: it is a link that leads out')
      expect(unsettled(it)).toBe(true)
      await it.end()
      expect(unsettled(it)).toBe(false)
      expect(readdirSync(join(it.host, 'venv/bin'))).toEqual([])
      expect(readFileSync(join(it.host, 'venv/pyvenv.cfg'), 'utf8')).toBe('made\n')
      expect(await prune(it)).toContain('was idle and is removed')
    }))

  test('whose links lead out, and nobody was told, is kept', () =>
    withSession(async (it) => {
      await it.sh('read line', { background: true })
      symlinkSync('/etc/hostname', join(server.double.newestWorkspace(), 'out'))
      await it.end()
      expect(unsettled(it)).toBe(true)
      expect(await prune(it)).toContain('is kept')
    }))

  test.each([
    ['a file whose name cannot be told', "echo made > 'two\nlines'"],
    ['a link that leads to two lines', "ln -s 'two\nlines' odd"],
  ])('with %s beside a link that leads out is kept', (_, make) =>
    withSession(async (it) => {
      await it.sh(`ln -s /etc/hostname out; ${make}`)
      await it.sh('true')
      await it.end()
      expect(unsettled(it)).toBe(true)
      expect(await prune(it)).toContain('is kept')
    }),
  )

  test('that two servers use is not settled by the one that has finished', () =>
    withSession(async (it) => {
      const running = await it.sh('read line; echo made > b; read line', { background: true })
      const other = await server.open({ beside: it })
      await other.sh('echo other > c')
      await other.end()
      expect(readFileSync(join(it.host, 'c'), 'utf8')).toBe('other\n')
      expect(unsettled(it)).toBe(true)
      await it.call('process', { action: 'kill', id: running.facts.id })
      await it.end()
      expect(unsettled(it)).toBe(false)
    }))

  test('in which nothing was run has nothing to bring back', () =>
    withSession(async (it) => {
      await it.call('read', { path: '/etc/hostname' })
      await it.end()
      expect(unsettled(it)).toBe(false)
    }))
})
