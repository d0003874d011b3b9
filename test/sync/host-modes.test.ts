/** A host whose file system keeps no executable bits, as vfat and SMB may: emulated by what the system says of a file. */
import fs, {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { channelScripts } from '../../src/scripts/script.ts'
import { HostModes } from '../../src/sync/host/modes.ts'
import type { Mirror } from '../../src/sync/mirror.ts'
import { atOnce } from '../../src/sync/slices.ts'
import { noteDifference } from '../../src/sync/snapshot-differences.ts'
import { treePath } from '../../src/tree.ts'
import { newMirror } from '../support/local-mirror.ts'
import { type LocalSandbox, localSandbox } from '../support/local-sandbox.ts'
import { expectKnown } from './difference.ts'
import { layout, scan, snapshot } from './layout.ts'

const context = { signal: new AbortController().signal, report: () => {} }
const { lstatSync, fstatSync, statSync } = fs
const giving = { chmodSync: fs.chmodSync, fchmodSync: fs.fchmodSync }

/** From now on every file of this process looks so; what would make it another one does nothing, or is refused. */
function keepNoBits(are: 'none' | 'all', isRefused = false): void {
  const given =
    <T>(give: (file: T, mode: number) => void) =>
    (file: T, mode: number) => {
      if (isRefused && ((mode & 0o100) !== 0) !== (are === 'all')) {
        throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
      }
      give(file, mode)
    }
  Object.assign(fs, {
    chmodSync: given(giving.chmodSync),
    fchmodSync: given(giving.fchmodSync),
  })
  const masked = <T extends Stats | undefined>(stats: T): T => {
    if (typeof stats?.mode !== 'number' || !stats.isFile()) return stats
    return Object.assign(stats, { mode: are === 'all' ? stats.mode | 0o111 : stats.mode & ~0o111 })
  }
  Object.assign(fs, {
    lstatSync: (...asked: Parameters<typeof lstatSync>) => masked(lstatSync(...asked) as Stats),
    fstatSync: (...asked: Parameters<typeof fstatSync>) => masked(fstatSync(...asked) as Stats),
  })
  syncBuiltinESMExports()
}
const keepBits = () => {
  Object.assign(fs, { lstatSync, fstatSync, ...giving })
  syncBuiltinESMExports()
}

describe('in a mirror', () => {
  let sandbox: LocalSandbox
  let host: string
  let mirror: Mirror
  beforeEach(() => {
    sandbox = localSandbox({ beside: true })
    host = join(realpathSync(sandbox.folder), 'host')
    mkdirSync(host)
    mirror = server()
  })
  afterEach(async () => {
    keepBits()
    await mirror.close()
    sandbox.remove()
  })

  const server = () => newMirror(host, join(sandbox.folder, 'state/ancestor'))
  const sync = () => mirror.sync(channelScripts(sandbox), 'both', context)
  const put = (path: string, text: string, mode: number) => {
    writeFileSync(join(sandbox.root, path), text)
    giving.chmodSync(join(sandbox.root, path), mode)
  }
  const isExecutable = (path: string) => (statSync(join(sandbox.root, path)).mode & 0o111) !== 0

  test.each([
    ['none', false],
    ['none', true],
    ['all', false],
    ['all', true],
  ] as const)(
    'what the sandbox says of a file holds, where bits of the host are %s, and others refused: %s',
    async (are, isRefused) => {
      keepNoBits(are, isRefused)
      for (const path of ['a', 'b']) writeFileSync(join(host, path), path)
      await sync()
      put('run', '#!/bin/sh', 0o755)
      put('text', 'text', 0o644)
      for (let i = 0; i < 3; i++) {
        if (i === 2) {
          await mirror.close()
          mirror = server()
        }
        expect(await sync()).toMatchObject({ isComplete: true, problems: [], toSandbox: [] })
        expect([isExecutable('run'), isExecutable('text')]).toEqual([true, false])
      }
      // Also of what is written on the host.
      for (const path of ['run', 'text']) writeFileSync(join(host, path), 'edited')
      expect((await sync()).toSandbox).toEqual(['run', 'text'])
      expect(readFileSync(join(sandbox.root, 'run'), 'utf8')).toBe('edited')
      expect([isExecutable('run'), isExecutable('text')]).toEqual([true, false])

      giving.chmodSync(join(sandbox.root, 'run'), 0o644)
      giving.chmodSync(join(sandbox.root, 'text'), 0o755)
      for (let i = 0; i < 3; i++) {
        expect(await sync()).toMatchObject({ isComplete: true, problems: [], toSandbox: [] })
        expect([isExecutable('run'), isExecutable('text')]).toEqual([false, true])
      }
      for (const path of ['run', 'text']) writeFileSync(join(sandbox.root, path), 'made inside')
      expect(await sync()).toMatchObject({ isComplete: true, problems: [], toSandbox: [] })
      expect(readFileSync(join(host, 'run'), 'utf8')).toBe('made inside')
      expect(readdirSync(host).sort()).toEqual(['a', 'b', 'run', 'text'])
    },
  )

  test('a bit that may not be given to a file of somebody else is a problem', async () => {
    writeFileSync(join(host, 'run'), '#!/bin/sh')
    await sync()
    giving.chmodSync(join(sandbox.root, 'run'), 0o755)
    const other = statSync(join(host, 'run')).ino
    Object.assign(fs, {
      fchmodSync: (file: number, mode: number) => {
        if (fstatSync(file).ino !== other) return giving.fchmodSync(file, mode)
        throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
      },
    })
    syncBuiltinESMExports()
    expect(await sync()).toMatchObject({
      problems: [{ path: 'run', side: 'host', reason: expect.stringContaining('permission') }],
      isComplete: false,
    })
    expect(isExecutable('run')).toBe(true)
  })

  test('where bits are kept, those of the host go to the sandbox, and nothing is left of what was tried', async () => {
    writeFileSync(join(host, 'run'), '#!/bin/sh', { mode: 0o755 })
    await sync()
    expect(isExecutable('run')).toBe(true)
    chmodSync(join(host, 'run'), 0o644)
    expect((await sync()).toSandbox).toEqual(['run'])
    expect(isExecutable('run')).toBe(false)
    expect(readdirSync(host)).toEqual(['run'])
  })
})

test('what is known of the scan before is used for the next one', () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'sbx-modes-'))
  onTestFinished(() => {
    keepBits()
    rmSync(root, { recursive: true })
  })
  keepNoBits('none')
  const modes = new HostModes(root)
  const corrected = (...[host, ancestor, sandbox]: Parameters<HostModes['corrected']>) =>
    atOnce(modes.corrected(host, ancestor, sandbox))
  const [host, ancestor, sandbox] = [scan('a=1 b=1 c=1'), snapshot('a=1*'), snapshot('b=2* c=1')]
  expect(corrected(host, ancestor, sandbox)).toBe(host)
  const change = { path: treePath('a'), before: ancestor.get(treePath('a')) }
  const after = host.snapshot.get(treePath('a'))
  expect(modes.areLost([{ ...change, after: undefined }])).toBe(false)
  expect(modes.areLost([{ ...change, after }])).toBe(true)
  const first = corrected(host, ancestor, sandbox)
  expect(layout(first.snapshot)).toBe('a=1* b=1* c=1')
  expect(corrected(host, ancestor, sandbox)).toBe(first)

  const next = scan('a=2 c=1 d=1')
  noteDifference(host.snapshot, next.snapshot, ['a', 'b', 'd'].map(treePath))
  const agreed = snapshot('a=1* c=1*')
  noteDifference(ancestor, agreed, [treePath('c')])
  const second = corrected(next, agreed, sandbox)
  expect(layout(second.snapshot)).toBe('a=2* c=1* d=1')
  expect(expectKnown(first.snapshot, second.snapshot)).toBe(true)
})
