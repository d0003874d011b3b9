/** Directories that go on one side, and hold on the other what no sync takes along. */
import fs, {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { channelScripts } from '../../src/scripts/script.ts'
import type { Mirror } from '../../src/sync/mirror.ts'
import type { MirrorOptions } from '../../src/sync/mirror-options.ts'
import { newMirror } from '../support/local-mirror.ts'
import { type LocalSandbox, localSandbox, shells } from '../support/local-sandbox.ts'

const context = { signal: new AbortController().signal, report: () => {} }
/** What tells that little has changed may be followed by what lists it. */
const oneLook = 2
const sides = ['host', 'sandbox'] as const

describe.each(Object.entries(shells()))('%s', (_, tools) => {
  let sandbox: LocalSandbox
  let at: Record<(typeof sides)[number], string>
  let mirror: Mirror
  beforeEach(() => {
    sandbox = localSandbox({ ...tools, beside: true })
    at = { host: join(sandbox.folder, 'host'), sandbox: sandbox.root }
    mkdirSync(at.host)
    mirror = mirrorWith({})
  })
  afterEach(async () => {
    await mirror.close()
    sandbox.remove()
  })

  const mirrorWith = (options: Partial<MirrorOptions>) =>
    newMirror(at.host, join(sandbox.folder, 'state/ancestor'), { ignore: ['build'], ...options })
  const sync = () => mirror.sync(channelScripts(sandbox), 'both', context)
  const put = (side: string, path: string, text: string) => {
    mkdirSync(dirname(join(side, path)), { recursive: true })
    writeFileSync(join(side, path), text)
  }
  const paths = (side: string) => readdirSync(side, { recursive: true }).sort()
  /** `pkg` on both sides, with `count` files, and with something left out in `pkg/sub` on one of them. */
  const agreeOn = async (count: number, holder: string) => {
    put(at.host, 'other', 'o')
    put(at.host, 'pkg/sub/x', 'x')
    for (let i = 1; i < count; i++) put(at.host, `pkg/f${i}`, `${i}`)
    await sync()
    put(holder, 'pkg/sub/build/out', 'made')
    await sync()
  }

  describe.each(sides)('what is left out is in the %s', (holder) => {
    const other = holder === 'host' ? 'sandbox' : 'host'

    test.each([1, 100])('a directory with %i files that goes stays without them', async (count) => {
      await agreeOn(count, at[holder])
      rmSync(join(at[other], 'pkg'), { recursive: true })
      expect(await sync()).toMatchObject({ isComplete: true, problems: [], conflicts: [] })
      expect(paths(at[other])).toEqual(['other', 'pkg', 'pkg/sub'])
      expect(paths(at[holder])).toEqual([
        'other',
        'pkg',
        'pkg/sub',
        'pkg/sub/build',
        'pkg/sub/build/out',
      ])
      const before = sandbox.started
      expect(await sync()).toMatchObject({ toHost: [], toSandbox: [], isComplete: true })
      expect(sandbox.started - before).toBeLessThanOrEqual(oneLook)

      rmSync(join(at[holder], 'pkg'), { recursive: true })
      expect(await sync()).toMatchObject({ isComplete: true })
      for (const side of sides) expect(paths(at[side])).toEqual(['other'])
    })

    test('a directory that becomes a file is told, and does so when nothing is left in it', async () => {
      await agreeOn(1, at[holder])
      rmSync(join(at[other], 'pkg/sub'), { recursive: true })
      writeFileSync(join(at[other], 'pkg/sub'), 'a file now')
      const problem = { path: 'pkg/sub', side: holder, reason: expect.stringContaining('left out') }
      for (const most of [oneLook + 3, oneLook + 1]) {
        const before = sandbox.started
        expect(await sync()).toMatchObject({ problems: [problem], conflicts: [] })
        expect(sandbox.started - before).toBeLessThanOrEqual(most)
      }
      expect(readFileSync(join(at[holder], 'pkg/sub/build/out'), 'utf8')).toBe('made')
      expect(readFileSync(join(at[other], 'pkg/sub'), 'utf8')).toBe('a file now')

      rmSync(join(at[holder], 'pkg/sub/build'), { recursive: true })
      expect(await sync()).toMatchObject({ problems: [], conflicts: [], isComplete: true })
      expect(readFileSync(join(at[holder], 'pkg/sub'), 'utf8')).toBe('a file now')
    })
  })

  test('where only the host decides, the sandbox keeps what it holds, and the host gets nothing', async () => {
    await mirror.close()
    mirror = mirrorWith({ oneWay: true })
    await agreeOn(1, at.sandbox)
    rmSync(join(at.host, 'pkg'), { recursive: true })
    expect(await sync()).toMatchObject({ isComplete: true, problems: [], toHost: [] })
    const before = sandbox.started
    expect(await sync()).toMatchObject({ toHost: [], toSandbox: [], problems: [] })
    expect(sandbox.started - before).toBeLessThanOrEqual(oneLook)
    expect(paths(at.host)).toEqual(['other'])
    expect(existsSync(join(at.sandbox, 'pkg/sub/build/out'))).toBe(true)
    expect(existsSync(join(at.sandbox, 'pkg/sub/x'))).toBe(false)
  })

  describe.each(sides)('a directory that cannot be made in the %s', (holder) => {
    const other = holder === 'host' ? 'sandbox' : 'host'

    test('because a file is there that is left out costs one pass, and is told', async () => {
      await mirror.close()
      mirror = mirrorWith({ ignore: ['*', '!*/', '!*.py'] })
      put(at.host, 'a.py', 'a')
      await sync()
      put(at[holder], 'data', 'seen by nobody')
      for (const name of ['b.py', 'sub/c.py']) put(at[other], `data/${name}`, name)
      put(at[other], 'new.py', 'new')
      const problem = { path: 'data', side: holder, reason: expect.stringContaining('left out') }
      for (let i = 0; i < 2; i++) {
        const before = sandbox.started
        expect(await sync()).toMatchObject({ problems: [problem], conflicts: [] })
        expect(sandbox.started - before).toBeLessThanOrEqual(oneLook + 2)
      }
      expect(readFileSync(join(at[holder], 'data'), 'utf8')).toBe('seen by nobody')
      expect(readFileSync(join(at[holder], 'new.py'), 'utf8')).toBe('new')

      rmSync(join(at[holder], 'data'))
      expect(await sync()).toMatchObject({ problems: [], isComplete: true })
      expect(readFileSync(join(at[holder], 'data/sub/c.py'), 'utf8')).toBe('sub/c.py')
    })
  })

  test('a directory that the host refuses to make costs one pass, and is told without what is in it', async () => {
    put(at.host, 'a', 'a')
    await sync()
    for (const name of ['b', 'sub/c']) put(at.sandbox, `made/${name}`, name)
    const { mkdirSync: real } = fs
    Object.assign(fs, {
      mkdirSync: (path: string, ...rest: []) => {
        if (!`${path}`.endsWith('/made')) return real(path, ...rest)
        throw Object.assign(new Error('EACCES'), { code: 'EACCES' })
      },
    })
    syncBuiltinESMExports()
    onTestFinished(() => {
      Object.assign(fs, { mkdirSync: real })
      syncBuiltinESMExports()
    })
    const problem = { path: 'made', side: 'host', reason: expect.stringContaining('permission') }
    for (let i = 0; i < 2; i++) {
      const before = sandbox.started
      expect(await sync()).toMatchObject({ problems: [problem], isComplete: false, toHost: [] })
      expect(sandbox.started - before).toBeLessThanOrEqual(oneLook + 1)
    }
    Object.assign(fs, { mkdirSync: real })
    syncBuiltinESMExports()
    expect(await sync()).toMatchObject({ problems: [], isComplete: true })
    expect(readFileSync(join(at.host, 'made/sub/c'), 'utf8')).toBe('sub/c')
  })
})
