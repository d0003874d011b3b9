/** A command of another sandbox, that has the same workspace bound, puts links where a sync works on the host. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { canPin } from '../../src/real-paths.ts'
import { applyToHost } from '../../src/sync/host/apply.ts'
import { HostStage } from '../../src/sync/host/stage.ts'
import { SeedArchive } from '../../src/sync/seed/archive.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import { TransferProgress } from '../../src/sync/transfer-progress.ts'
import { digestOf, treePath } from '../../src/tree.ts'

const never = new AbortController().signal
let base: string
let root: string
let outside: string
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-links-')))
  root = join(base, 'workspace')
  outside = join(base, 'outside')
  mkdirSync(root)
  mkdirSync(join(outside, 'deep'), { recursive: true })
  writeFileSync(join(outside, 'f'), 'secret')
  writeFileSync(join(outside, 'deep', 'f'), 'secret')
})
afterEach(() => {
  expect(readdirSync(outside).sort()).toEqual(['deep', 'f'])
  expect(readFileSync(join(outside, 'deep', 'f'), 'utf8')).toBe('secret')
  rmSync(base, { recursive: true })
})

function replaceByLink(path: string, target: string): void {
  renameSync(path, join(root, 'moved'))
  symlinkSync(target, path)
}

async function* once(bytes: Buffer) {
  yield bytes
}

test('what is staged is written and removed where the stage is, not where its name leads', async () => {
  const stage = new HostStage(root)
  replaceByLink(stage.directory, outside)
  if (canPin) await stage.add(once(Buffer.from('new')), 0o644, 1e12)
  await stage.remove()
  if (canPin) expect(readdirSync(join(root, 'moved'))).toEqual([])
})

test('no link that takes the place of a staged file is given rights, a time or an owner', async () => {
  chmodSync(join(outside, 'f'), 0o600)
  const { mtimeMs } = statSync(join(outside, 'f'))
  const stage = new HostStage(root)
  const bytes = Buffer.from('new')
  const staged = await stage.add(once(bytes), 0o666, 1e12)
  unlinkSync(staged.at)
  symlinkSync(join(outside, 'f'), staged.at)
  const after = { kind: 'file' as const, digest: digestOf(bytes), executable: true }
  const change = { path: treePath('f'), before: undefined, after }
  const progress = new TransferProgress({ signal: never, report: () => {} }, '', { files: 1 })
  const target = { root, owner: { uid: 1234, gid: 1234 } }
  const content = new Map([[change, staged]])
  const { stale } = await applyToHost([change], content, stage, target, progress, never)
  await stage.remove()
  expect([...stale]).toEqual(['f'])
  const { mode, uid, mtimeMs: now } = statSync(join(outside, 'f'))
  expect({ mode: mode & 0o777, uid, now }).toEqual({
    mode: 0o600,
    uid: process.getuid?.(),
    now: mtimeMs,
  })
})

test.skipIf(!canPin)('a seed sends nothing that a link leads to', async () => {
  for (const path of ['d', 'd/deep']) mkdirSync(join(root, path))
  for (const path of ['d/f', 'd/deep/f']) writeFileSync(join(root, path), 'mine!!')
  const archive = new SeedArchive(root, new SyncRules())
  await archive.list(never)
  replaceByLink(join(root, 'd'), outside)
  const sent: Buffer[] = []
  for await (const bytes of archive.stream('new')) sent.push(bytes)
  expect(Buffer.concat(sent).toString('latin1')).not.toContain('secret')
})
