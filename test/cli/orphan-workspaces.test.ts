/** Which private workspaces belong to nobody, where others are at work in them meanwhile. */
import fs, {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { orphanWorkspaces } from '../../src/cli/orphan-workspaces.ts'
import { removeWorkspace } from '../../src/cli/prune.ts'
import type { Found } from '../../src/cli/sandboxes.ts'
import { quote } from '../../src/posix-sh.ts'
import { thisProcess } from '../../src/process-identity.ts'
import { writeUse } from '../../src/sessions/use-record.ts'

const hour = 3_600_000

/** Old private workspaces, with a file each. */
function place(...keys: string[]) {
  const state = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-orphans-')))
  onTestFinished(() => rmSync(state, { recursive: true }))
  const pathOf = (key: string) => join(state, 'workspaces', key)
  for (const key of keys) {
    mkdirSync(pathOf(key), { recursive: true })
    writeFileSync(join(pathOf(key), 'file'), '')
    rest(join(pathOf(key), 'file'))
    rest(pathOf(key))
  }
  const found = { state, agents: { all: [] }, sandboxes: [], unreachable: [] }
  const orphans = () => orphanWorkspaces(found as unknown as Found, 24 * hour)
  return { state, pathOf, orphans }
}

function rest(path: string): void {
  const at = new Date(Date.now() - 48 * hour)
  utimesSync(path, at, at)
}

/** From now on these are listed, and are gone when they are looked at. */
function vanish(...paths: string[]): void {
  const { lstatSync } = fs
  const look = (path: string) => lstatSync(paths.includes(path) ? `${path}/gone` : path)
  Object.assign(fs, { lstatSync: look })
  syncBuiltinESMExports()
  onTestFinished(() => {
    Object.assign(fs, { lstatSync })
    syncBuiltinESMExports()
  })
}

const keysOf = (orphans: Iterable<{ key: string }>) => [...orphans].map(({ key }) => key).sort()

test('what vanishes while it is looked at keeps none of the others', () => {
  const { pathOf, orphans } = place('at-work', 'gone', 'orphan', 'other')
  vanish(pathOf('gone'), join(pathOf('at-work'), 'file'))
  // Who removes something is at work there.
  expect(keysOf(orphans())).toEqual(['orphan', 'other'])
})

test('what cannot be looked at whole is told, and is not taken for old', () => {
  const { state, pathOf, orphans } = place('closed', 'orphan')
  const inner = join(pathOf('closed'), 'inner')
  mkdirSync(inner)
  writeFileSync(join(inner, 'file'), '')
  rest(inner)
  rest(pathOf('closed'))
  chmodSync(state, 0o755)
  chmodSync(inner, 0)
  onTestFinished(() => chmodSync(inner, 0o700))
  // Root may look everywhere.
  const isRoot = process.getuid?.() === 0
  if (isRoot) process.seteuid?.(65_534)
  try {
    const found = [...orphans()].map(({ key, changed }) => [key, changed])
    expect(Object.fromEntries(found)).toEqual({
      closed: { unknown: expect.stringContaining('EACCES') },
      orphan: { ms: expect.any(Number) },
    })
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
})

test('one that is used while another is removed is kept', () => {
  const { state, pathOf, orphans } = place('one', 'two')
  const record = { agent: 'main', session: 'main', scopeKey: 's', usedMs: Date.now() }
  const found: string[] = []
  for (const { key } of orphans()) {
    found.push(key)
    const workspace = pathOf(key === 'one' ? 'two' : 'one')
    writeUse(state, 'sbx-aaaaaaaaaaaaaaa', { ...record, workspace })
  }
  expect(found).toHaveLength(1)
})

test('one that is removed in part is not said to be whole, and it is told how the rest goes', () => {
  const { state, pathOf } = place('half')
  const [path, closed] = [pathOf('half'), join(pathOf('half'), 'kept', 'closed')]
  mkdirSync(closed, { recursive: true })
  writeFileSync(join(closed, 'file'), '')
  chmodSync(state, 0o755)
  chmodSync(closed, 0o500)
  onTestFinished(() => chmodSync(closed, 0o700))
  // Root may remove anything.
  const isRoot = process.getuid?.() === 0
  if (isRoot) {
    for (const one of [dirname(path), path, dirname(closed), closed]) chownSync(one, 65_534, 65_534)
    process.seteuid?.(65_534)
  }
  const orphan = { directory: dirname(path), key: 'half', path, changed: { ms: 0 } }
  try {
    const { outcome, why } = removeWorkspace(orphan, false)
    expect(outcome).toBe('failed')
    expect(why).toMatch(/^EACCES/)
    expect(why).toContain(
      `; part of it may be gone: copy what you need from what is left, then "rm -rf -- ${quote(path)}" removes that, run by a user who may`,
    )
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
  expect(existsSync(closed)).toBe(true)
})

test('which sandboxes are in use is asked of those alone that had the workspace', () => {
  const { state, pathOf, orphans } = place('one', 'two', 'three')
  mkdirSync(join(state, 'leases'))
  const record = { agent: 'main', session: 'main', scopeKey: 's', usedMs: Date.now() - 48 * hour }
  for (const letter of 'abcdefghij') {
    writeUse(state, `sbx-${letter.repeat(15)}`, { ...record, workspace: `/of/${letter}` })
  }
  writeUse(state, 'sbx-kkkkkkkkkkkkkkk', { ...record, workspace: pathOf('two') })
  const { pid, started } = thisProcess()
  writeFileSync(join(state, 'leases', `sbx-kkkkkkkkkkkkkkk.${pid}-${started}-000000000000`), '')
  const looks = vi.spyOn(fs, 'readdirSync')
  syncBuiltinESMExports()
  onTestFinished(() => {
    looks.mockRestore()
    syncBuiltinESMExports()
  })
  expect(keysOf(orphans())).toEqual(['one', 'three'])
  const ofLeases = looks.mock.calls.filter(([path]) => path === join(state, 'leases'))
  // For each workspace once under its own name, and for the sandbox that had the one.
  expect(ofLeases).toHaveLength(4)
})
