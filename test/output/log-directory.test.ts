/** The logs of servers that are gone go at a later start. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import {
  newLogDirectory,
  removeLogDirectory,
  sweepLogDirectories,
} from '../../src/output/log-directory.ts'
import { thisProcess } from '../../src/process-identity.ts'
import { Housekeeping } from '../../src/sessions/housekeeping.ts'
import { settingsWith } from '../support/settings.ts'

/** The name of one of a process that is not there, in a directory of this test. */
function nameOfGone(pid: number, space = spaceOfThis()): string {
  return `sandbox-mcp-logs-${pid}-1-${space}-aaaaaa`
}

function spaceOfThis(): string {
  const path = newLogDirectory()
  removeLogDirectory(path)
  return basename(path).split('-').at(-2) ?? ''
}

test('logs that cannot be removed keep none of the others', () => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-sweep-logs-')))
  chmodSync(base, 0o777)
  const names = Array.from({ length: 9 }, (_, at) => nameOfGone(4_194_304 + at))
  for (const name of names) mkdirSync(join(base, name))
  const [stuck = '', ...others] = readdirSync(base)
  expect(others).toHaveLength(8)
  const closed = join(base, stuck, 'closed')
  mkdirSync(closed)
  writeFileSync(join(closed, 'log'), '')
  chmodSync(closed, 0o500)
  const { pid, started } = thisProcess()
  const alive = `sandbox-mcp-logs-${pid}-${started}-${spaceOfThis()}-aaaaaa`
  mkdirSync(join(base, alive))
  onTestFinished(() => {
    chmodSync(closed, 0o700)
    rmSync(base, { recursive: true })
  })
  // Root may remove anything.
  const isRoot = process.getuid?.() === 0
  if (isRoot) process.seteuid?.(65_534)
  try {
    sweepLogDirectories(base)
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
  expect(readdirSync(base).sort()).toEqual([stuck, alive].sort())
})

const hour = 3_600_000

test('those of a server whose processes are not seen here stay for a day after it refreshed them', () => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-sweep-logs-')))
  onTestFinished(() => rmSync(base, { recursive: true }))
  const gone = 4_194_304
  const unseen = nameOfGone(gone, '0123456789abcdef')
  const unknown = nameOfGone(gone, '')
  const left = nameOfGone(gone)
  for (const name of [unseen, unknown, left]) mkdirSync(join(base, name))
  sweepLogDirectories(base)
  expect(readdirSync(base).sort()).toEqual([unseen, unknown].sort())
  rest(join(base, unseen), 23 * hour)
  rest(join(base, unknown), 25 * hour)
  sweepLogDirectories(base)
  expect(readdirSync(base)).toEqual([unseen])
})

test('a server refreshes its own while it lives', async () => {
  const path = newLogDirectory()
  onTestFinished(() => removeLogDirectory(path))
  rest(path, 48 * hour)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const state = mkdtempSync(join(tmpdir(), 'sandbox-mcp-house-'))
  onTestFinished(() => rmSync(state, { recursive: true }))
  const choose = () => Promise.reject(new Error('no engine'))
  const house = new Housekeeping(
    { settings: settingsWith({}), state, installation: 'ours', choose },
    () => {},
  )
  vi.advanceTimersByTime(hour)
  await house.close()
  expect(Date.now() - lstatSync(path).mtimeMs).toBeLessThan(hour)
})

/** As if nothing had touched it for so long. */
function rest(path: string, ms: number): void {
  const at = new Date(Date.now() - ms)
  utimesSync(path, at, at)
}
