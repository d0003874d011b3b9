/** What ends with its server goes at a later start, also when that server was killed, and never under one that lives. */
import { mkdtempSync, realpathSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { HostBackend } from '../../src/backends/host.ts'
import { takeLease } from '../../src/sessions/lease.ts'
import { sweepEphemeral } from '../../src/sessions/sweep.ts'
import { markUnsettled } from '../../src/sessions/unsettled.ts'
import { writeUse } from '../../src/sessions/use-record.ts'
import { context, never, newSpec } from '../support/remote-sandbox.ts'

/** Of no process of this machine. */
const gone = { pid: 4_194_304, started: '1' }

/** Ephemeral sandboxes of a server that is not seen here. */
async function place(...names: string[]) {
  const state = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-sweep-')))
  onTestFinished(() => rmSync(state, { recursive: true }))
  const backend = new HostBackend(join(state, 'host'))
  const { installation } = newSpec()
  for (const name of names) await backend.open(newSpec({ name, ephemeral: gone }), context)
  const scope = {
    backend,
    installation,
    state,
    prune: { idleHours: 24, maxAgeDays: 7 },
    workspaces: 'bind',
  } as const
  const left = async () => (await backend.list(installation)).map(({ name }) => name)
  const sweep = (signal = never) => sweepEphemeral(scope, signal)
  return { state, backend, sweep, left }
}

const name = 'sbx-aaaaaaaaaaaaaaa'

/** What that server's lease is, seen from here. */
async function leaseOfIt(state: string): Promise<string> {
  const { id } = await takeLease(state, name, context)
  const file = join(state, 'leases', `${name}.${gone.pid}-${gone.started}-000000000000`)
  renameSync(join(state, 'leases', id), file)
  return file
}

test('the sandbox of a server in another container is kept while that uses it', async () => {
  const { state, sweep, left } = await place(name)
  const lease = await leaseOfIt(state)
  writeFileSync(lease, 'another boot, or namespace')
  await sweep()
  expect(await left()).toEqual([name])
  const before = new Date(Date.now() - 61_000)
  utimesSync(lease, before, before)
  await sweep()
  expect(await left()).toEqual([])
})

test('what a server of this machine used when it was killed goes at once', async () => {
  const { state, sweep, left } = await place(name)
  await leaseOfIt(state)
  await sweep()
  expect(await left()).toEqual([])
})

test('one that cannot be removed keeps none of the others', async () => {
  const { backend, sweep, left } = await place(name, 'sbx-bbbbbbbbbbbbbbb', 'sbx-ccccccccccccccc')
  const all = await left()
  const end = new AbortController()
  const remove = backend.remove.bind(backend)
  const refusing = vi.spyOn(backend, 'remove').mockImplementationOnce(async () => {
    end.abort()
    throw new Error('device or resource busy')
  })
  await sweep(end.signal)
  expect([await left(), refusing.mock.calls.length]).toEqual([all, 1])
  refusing.mockImplementation(async (one) => {
    if (one === all[0]) throw new Error('device or resource busy')
    await remove(one)
  })
  await sweep()
  expect(await left()).toEqual(all.slice(0, 1))
})

test('one that was left as a mirror with changes is kept, also where the settings have changed since', async () => {
  const { state, sweep, left } = await place(name)
  const record = { agent: 'main', session: 'main', scopeKey: 's', workspace: '/p' }
  writeUse(state, name, { ...record, usedMs: Date.now(), workspaces: 'mirror' })
  markUnsettled(state, `${name}.${gone.pid}-${gone.started}-000000000000`)
  await sweep()
  expect(await left()).toEqual([name])
})
