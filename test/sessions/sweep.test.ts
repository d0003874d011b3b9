/** What ends with its server goes at a later start, also when that server was killed, and never under one that lives. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { HostBackend } from '../../src/backends/host.ts'
import { thisProcess } from '../../src/process-identity.ts'
import { takeLease } from '../../src/sessions/lease.ts'
import { ephemeralScope } from '../../src/sessions/scope.ts'
import { sweepEphemeral, sweepRecords } from '../../src/sessions/sweep.ts'
import { markUnsettled } from '../../src/sessions/unsettled.ts'
import { readUses, writeUse } from '../../src/sessions/use-record.ts'
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

test('one that a person gave another name is kept', async () => {
  const { backend, sweep, left } = await place(name)
  const found = await backend.list(newSpec().installation)
  const renamed = found.map((info) => ({ ...info, state: 'renamed' }) as const)
  vi.spyOn(backend, 'list').mockResolvedValueOnce(renamed)
  await sweep()
  expect(await left()).toEqual([name])
})

test('one that was left as a mirror with changes is kept, also where the settings have changed since', async () => {
  const { state, sweep, left } = await place(name)
  const record = { agent: 'main', session: 'main', scopeKey: 's', workspace: '/p' }
  writeUse(state, name, { ...record, usedMs: Date.now(), workspaces: 'mirror' })
  markUnsettled(state, `${name}.${gone.pid}-${gone.started}-000000000000`)
  await sweep()
  expect(await left()).toEqual([name])
})

const hour = 3_600_000
const mark = `${name}.${gone.pid}-${gone.started}-000000000000`

/** As a server that is gone has left it, that long ago. */
const usedBefore = (ms: number, server = gone) => ({
  ...{ agent: 'main', session: 'main', workspace: '/p' },
  usedMs: Date.now() - ms,
  scopeKey: `agent:main:workspace:0:${ephemeralScope(server)}`,
})

test('with one that is swept goes what is kept of it, and after a day when it was used', async () => {
  const { state, sweep, left } = await place(name)
  writeUse(state, name, { ...usedBefore(23 * hour), workspaces: 'remote' })
  markUnsettled(state, mark)
  mkdirSync(join(state, 'sync'))
  writeFileSync(join(state, 'sync', `${name}.ancestor`), '')
  await sweep()
  expect(await left()).toEqual([])
  const inside = (directory: string) => readdirSync(join(state, directory))
  expect([inside('unsettled'), inside('sync')]).toEqual([[], []])
  await sweepRecords(state, never)
  // Its private workspace is kept as long.
  expect(inside('used')).toEqual([name])
  writeUse(state, name, usedBefore(25 * hour))
  await leaseOfIt(state)
  await sweepRecords(state, never)
  expect([inside('used'), inside('leases')]).toEqual([[], []])
})

test('what is kept stays where a server lives or may live, changes may be left, or the sandbox is kept', async () => {
  const [other, used, unsettled, kept] = ['b', 'c', 'd', 'e'].map((letter) => {
    return `sbx-${letter.repeat(15)}`
  }) as [string, string, string, string]
  const { state } = await place()
  writeFileSync(await leaseOfIt(state), 'another boot, or namespace')
  writeUse(state, name, usedBefore(25 * hour))
  writeUse(state, other, usedBefore(25 * hour, thisProcess()))
  writeUse(state, used, usedBefore(23 * hour))
  writeUse(state, unsettled, usedBefore(25 * hour))
  markUnsettled(state, `${unsettled}.${gone.pid}-${gone.started}-000000000000`)
  writeUse(state, kept, { ...usedBefore(999 * hour), scopeKey: 'agent:main:workspace:0' })
  await sweepRecords(state, never)
  expect([...readUses(state).keys()].sort()).toEqual([name, other, used, unsettled, kept].sort())
})
