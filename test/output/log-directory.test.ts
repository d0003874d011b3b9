/** The logs of servers that are gone go at a later start. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { sweepLogDirectories } from '../../src/output/log-directory.ts'
import { thisProcess } from '../../src/process-identity.ts'

test('logs that cannot be removed keep none of the others', () => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-sweep-logs-')))
  chmodSync(base, 0o777)
  const names = Array.from({ length: 9 }, (_, at) => `sandbox-mcp-logs-${4_194_304 + at}-1-aaaaaa`)
  for (const name of names) mkdirSync(join(base, name))
  const [stuck = '', ...others] = readdirSync(base)
  expect(others).toHaveLength(8)
  const closed = join(base, stuck, 'closed')
  mkdirSync(closed)
  writeFileSync(join(closed, 'log'), '')
  chmodSync(closed, 0o500)
  const { pid, started } = thisProcess()
  const alive = `sandbox-mcp-logs-${pid}-${started}-aaaaaa`
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
