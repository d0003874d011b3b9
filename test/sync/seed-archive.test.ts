import { mkdirSync, mkdtempSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SeedArchive } from '../../src/sync/seed/archive.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'

let host: string
beforeEach(() => {
  host = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-archive-')))
})
afterEach(() => rmSync(host, { recursive: true }))

const never = new AbortController().signal
const mebibyte = 1024 * 1024

function writeTree(bytes: number): void {
  writeFileSync(join(host, 'large'), '')
  truncateSync(join(host, 'large'), bytes)
  for (let i = 0; i < 50; i++) {
    mkdirSync(join(host, `d${i}`))
    writeFileSync(join(host, `d${i}`, 'f'), '1')
  }
}

test('that there is much is known before all is listed', async () => {
  writeTree(16 * mebibyte)
  const archive = new SeedArchive(host, new SyncRules())
  const listing = archive.list(never)
  expect(await archive.isLarge).toBe(true)
  expect(archive.files).toBeLessThan(51)
  await listing
  expect(archive.files).toBe(51)
})

test('that there is little is known when all is listed', async () => {
  writeTree(16 * mebibyte - 51)
  const archive = new SeedArchive(host, new SyncRules())
  await archive.list(never)
  expect(await archive.isLarge).toBe(false)
})
