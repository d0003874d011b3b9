/** Which sandboxes are removed by themselves: never one in use, never what is nowhere else. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { HostBackend } from '../../src/backends/host.ts'
import { isLeased, takeLease, whileUnused } from '../../src/sessions/lease.ts'
import {
  keptFor,
  type PruneScope,
  pruneCandidates,
  pruneReason,
  pruneSandboxes,
  removeCandidate,
} from '../../src/sessions/prune.ts'
import { isUnsettled, markUnsettled } from '../../src/sessions/unsettled.ts'
import {
  forgetSandbox,
  readUse,
  readUses,
  type UseRecord,
  writeUse,
} from '../../src/sessions/use-record.ts'
import type { WorkspaceKind } from '../../src/sessions/workspace-kind.ts'
import { context, never, newSpec } from '../support/remote-sandbox.ts'

const hourMs = 3_600_000
const now = Date.now()
const used: UseRecord = {
  usedMs: now,
  agent: 'main',
  session: 'main',
  scopeKey: 'scope',
  workspace: '/p',
}

test.each<[string, object, object, 'idle' | 'old' | undefined]>([
  ['idle for an hour more than it may be', { idle: 25 }, {}, 'idle'],
  ['idle for an hour less', { idle: 23 }, {}, undefined],
  ['idle, and in use again', { idle: 25, inUse: true }, {}, undefined],
  ['idle, and never to be removed for that', { idle: 9999 }, { idleHours: 0 }, undefined],
  ['old and idle for a while', { age: 8 * 24, idle: 2 }, {}, 'old'],
  ['old and used just now', { age: 8 * 24, idle: 0.5 }, {}, undefined],
  ['old and in use', { age: 8 * 24, idle: 2, inUse: true }, {}, undefined],
  ['old, and never to be removed for that', { age: 9999, idle: 2 }, { maxAgeDays: 0 }, undefined],
  ['of an unknown use', { idle: undefined, age: 9999 }, {}, undefined],
  ['made nobody knows when', { age: now / hourMs, idle: 2 }, {}, undefined],
  ['used in the future', { idle: -9999, age: 9999 }, {}, undefined],
])('%s', (_, facts, settings, reason) => {
  const { idle, age, inUse } = { idle: 0, age: 0, inUse: false, ...facts } as {
    idle: number | undefined
    age: number
    inUse: boolean
  }
  const usedMs = idle === undefined ? undefined : now - idle * hourMs
  const judged = { createdMs: now - age * hourMs, usedMs, inUse }
  expect(pruneReason(judged, { idleHours: 24, maxAgeDays: 7, ...settings }, now)).toBe(reason)
})

test('what may be in it alone keeps a sandbox', () => {
  const info = { name: 'sbx-aaaaaaaaaaaaaaa', workspace: '/p' }
  const kept = (kind: WorkspaceKind, unsettled: boolean, more = {}) =>
    keptFor({ ...info, ...more }, kind, unsettled)
  expect([kept('bind', true), kept('mirror', false)]).toEqual([undefined, undefined])
  expect(kept('mirror', true)).toEqual({
    why: 'not all that was changed in its workspace came back to the host',
    help: 'the next command in it brings it back to "/p"; "sandbox-mcp recreate sbx-aaaaaaaaaaaaaaa" gives it up',
  })
  // Nobody has a command in it again.
  expect(kept('mirror', true, { ephemeral: { pid: 1, started: '' } })?.help).toMatch(/^copy what/)
  expect(kept('remote', false)?.why).toBe('its workspace is nowhere else')
})

/** A state directory, and records of the host's backend as sandboxes: quick to make, and nothing is lost. */
async function place() {
  const state = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-prune-')))
  onTestFinished(() => rmSync(state, { recursive: true }))
  const backend = new HostBackend(join(state, 'host'))
  const spec = newSpec({ name: 'sbx-aaaaaaaaaaaaaaa' })
  await backend.open(spec, context)
  const scope: PruneScope = {
    backend,
    installation: spec.installation,
    state,
    prune: { idleHours: 24, maxAgeDays: 7 },
    workspaces: 'bind',
  }
  const names = async () => (await backend.list(spec.installation)).map(({ name }) => name)
  const prune = async (changes: Partial<PruneScope> = {}) => {
    const said: string[] = []
    await pruneSandboxes({ ...scope, ...changes }, (line) => said.push(line), never)
    return said
  }
  return { state, scope, name: spec.name, names, prune }
}

const idle = { ...used, usedMs: now - 25 * hourMs }

test('an idle sandbox is removed, with what is kept of it', async () => {
  const { state, name, names, prune } = await place()
  writeUse(state, name, idle)
  mkdirSync(join(state, 'sync'))
  const files = [
    `${name}.ancestor`,
    `${name}.ancestor.changes`,
    `${name}-1.ancestor`,
    `${name}x.ancestor`,
  ]
  for (const file of files) writeFileSync(join(state, 'sync', file), '')
  expect(await prune()).toEqual([expect.stringContaining(`${name} of /nowhere was idle`)])
  expect(await names()).toEqual([])
  expect(readUse(state, name)).toBeUndefined()
  expect(readdirSync(join(state, 'sync'))).toEqual([`${name}x.ancestor`])
})

test('one that cannot be removed is told, and keeps none of the others', async () => {
  const { state, scope, names, prune } = await place()
  await scope.backend.open(newSpec({ name: 'sbx-bbbbbbbbbbbbbbb' }), context)
  const [first = '', second = ''] = await names()
  for (const name of [first, second]) writeUse(state, name, idle)
  vi.spyOn(scope.backend, 'remove').mockRejectedValueOnce(new Error('device or resource busy'))
  expect(await prune()).toEqual([
    expect.stringMatching(`${first} of /nowhere is idle and could not be removed: device or`),
    expect.stringContaining(`${second} of /nowhere was idle and is removed`),
  ])
  expect(await names()).toEqual([first])
})

test('one of another installation is not looked at', async () => {
  const { state, name, names, prune } = await place()
  writeUse(state, name, idle)
  expect(await prune({ installation: 'another' })).toEqual([])
  expect(await names()).toEqual([name])
})

test('how one was used last counts, not what the settings say since', async () => {
  const { state, name, names, prune } = await place()
  writeUse(state, name, { ...idle, workspaces: 'remote' })
  markUnsettled(state, `${name}.1-1-000000000000`)
  expect(await prune({ workspaces: 'mirror' })).toEqual([
    expect.stringContaining('its workspace is nowhere else'),
  ])
  writeUse(state, name, { ...idle, workspaces: 'mirror' })
  expect(await prune({ workspaces: 'remote' })).toEqual([
    expect.stringContaining('the next command in it brings it back'),
  ])
  expect(await names()).toEqual([name])
})

test('one whose files are nowhere else is kept, and told', async () => {
  const { state, name, names, prune } = await place()
  writeUse(state, name, idle)
  expect(await prune({ workspaces: 'remote' })).toEqual([
    expect.stringContaining('is kept, because'),
  ])
  expect(await names()).toEqual([name])
})

test('a mirrored one with changes that the host has not is kept, and goes when they are given up', async () => {
  const { state, scope, name, names, prune } = await place()
  writeUse(state, name, idle)
  const mirrored = { workspaces: 'mirror' } as const
  const [judged] = await pruneCandidates({ ...scope, ...mirrored }, never)
  if (judged === undefined) throw new Error('nothing was found')
  markUnsettled(state, `${name}.1-2-000000000000`)
  // Also when it was judged a moment before.
  expect(await removeCandidate({ ...scope, ...mirrored }, judged, never)).toBe('kept')
  expect(await prune(mirrored)).toEqual([
    expect.stringMatching(
      /is kept, because not all .* came back to the host: the next command in it/,
    ),
  ])
  expect(await names()).toEqual([name])
  forgetSandbox(state, name)
  expect(isUnsettled(state, name)).toBe(false)
})

test('a mirrored one whose record is lost counts as one with such changes', async () => {
  const { state, name, names, prune } = await place()
  await prune({ workspaces: 'mirror' })
  writeUse(state, name, idle)
  expect(await prune({ workspaces: 'mirror' })).toEqual([expect.stringContaining('is kept')])
  expect(await names()).toEqual([name])
})

test('the time of one that nobody knows is counted from now on', async () => {
  const { state, name, names, prune } = await place()
  expect(await prune()).toEqual([])
  expect(await names()).toEqual([name])
  expect(readUse(state, name)?.usedMs).toBeGreaterThanOrEqual(now)
})

test('a lease keeps a sandbox, from the moment it was judged to the moment it is removed', async () => {
  const { state, scope, name, names, prune } = await place()
  writeUse(state, name, idle)
  const [found] = await pruneCandidates(scope, never)
  if (found === undefined) throw new Error('nothing was found')
  const lease = await takeLease(state, name, context)
  expect(await pruneCandidates(scope, never)).toEqual([])
  expect(await removeCandidate(scope, found, never)).toBe('kept')
  lease.release()
  lease.release()
  writeUse(state, name, used)
  expect(await removeCandidate(scope, found, never)).toBe('kept')
  expect(await names()).toEqual([name])
  writeUse(state, name, idle)
  await prune()
  expect(await names()).toEqual([])
})

test('of one that somebody else has removed since it was judged, nothing is noted anew', async () => {
  const { state, scope, name } = await place()
  writeUse(state, name, idle)
  const mirrored = { ...scope, workspaces: 'mirror' } as const
  const [found] = await pruneCandidates(mirrored, never)
  if (found === undefined) throw new Error('nothing was found')
  expect(await removeCandidate(mirrored, found, never)).toBe('removed')
  expect(await removeCandidate(mirrored, found, never)).toBe('gone')
  expect([readUse(state, name), isUnsettled(state, name)]).toEqual([undefined, false])
})

test('whoever wants to use a sandbox that is being removed waits until it is', async () => {
  const { state, name } = await place()
  const order: string[] = []
  let finish = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  let taking: Promise<unknown> | undefined
  await whileUnused(
    state,
    name,
    async () => {
      const waiting = new Promise<void>((resolve) => {
        taking = takeLease(state, name, {
          signal: never,
          report: (line) => {
            order.push(line)
            resolve()
          },
        }).then(() => order.push('taken'))
      })
      await waiting
      finish()
      await finished
      order.push('removed')
    },
    never,
  )
  await taking
  expect(order).toEqual([expect.stringContaining('is being removed'), 'removed', 'taken'])
})

test('the lease of a process that was killed counts no more than a while', async () => {
  const { state, name } = await place()
  const directory = join(state, 'leases')
  mkdirSync(directory)
  const other = spawn('sleep', ['100'])
  await once(other, 'spawn')
  const lease = join(directory, `${name}.${other.pid}--000000000000`)
  writeFileSync(lease, '')
  expect(isLeased(state, name)).toBe(true)
  other.kill('SIGKILL')
  await once(other, 'close')
  // It may have been refreshed by a process that is not seen here.
  expect(isLeased(state, name)).toBe(true)
  const { utimesSync } = await import('node:fs')
  utimesSync(lease, new Date(now - 61_000), new Date(now - 61_000))
  expect(isLeased(state, name)).toBe(false)
  expect(existsSync(lease)).toBe(false)
})

test.each(['', '{', '[]', 'null', '{"usedMs":"now"}', '{"usedMs":1}'])(
  'a record that says %j is kept aside, and stands in nobody’s way',
  async (text) => {
    const { state, name, prune, names } = await place()
    writeUse(state, name, idle)
    writeFileSync(join(state, 'used', name), text)
    expect(await prune()).toEqual([])
    expect(await names()).toEqual([name])
    expect(readdirSync(join(state, 'used')).sort()).toEqual([name, `${name}.damaged`])
    expect([...readUses(state).keys()]).toEqual([name])
    writeFileSync(join(state, 'used', name), `${text} `)
    expect(readUses(state).size).toBe(0)
    expect(readFileSync(join(state, 'used', `${name}.damaged`), 'utf8')).toBe(text)
    expect(readFileSync(join(state, 'used', `${name}.damaged-2`), 'utf8')).toBe(`${text} `)
    forgetSandbox(state, name)
    expect(readUses(state).size).toBe(0)
  },
)
