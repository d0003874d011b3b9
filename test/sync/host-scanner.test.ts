/** A scan that follows another one finds what a first scan of the same files would. */
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { reasons } from '../../src/sync/snapshot.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import { asBoundUser } from '../support/bound-user.ts'
import { expectKnown } from './difference.ts'
import { plain, ScannedHost } from './scanned-host.ts'

let host: ScannedHost
beforeEach(() => {
  host = new ScannedHost(new SyncRules(['*.log']))
})
afterEach(() => host.close())

const at = (path: string) => host.at(path)
const put = (path: string, text?: string) => host.put(path, text)

const changes: readonly (readonly [string, () => void])[] = [
  ['nothing', () => {}],
  ['a file is written', () => put('d/e/f1', 'other')],
  [
    'a file of the same size is written, and its time set back',
    () => {
      put('d/f2', 'd/fX')
      utimesSync(at('d/f2'), 1e9, 1e9)
    },
  ],
  ['a file becomes executable', () => chmodSync(at('d/f2'), 0o755)],
  ['a file is new', () => put('d/new')],
  ['what is left out is new', () => put('d/x.log')],
  ['a file is at the top', () => put('top')],
  ['a directory is new, with others in it', () => put('n/o/p/q')],
  ['something is new in a directory that was new', () => put('n/o/p/r')],
  ['a file is gone', () => rmSync(at('d/new'))],
  ['a directory is gone', () => rmSync(at('d/e'), { recursive: true })],
  ['a directory is there again', () => put('d/e/f1', 'again')],
  ['a directory is renamed', () => renameSync(at('n'), at('m'))],
  [
    'a directory takes the place of another',
    () => {
      put('d2/e/only')
      renameSync(at('d'), at('d3'))
      renameSync(at('d2'), at('d'))
    },
  ],
  [
    'a file becomes a directory',
    () => {
      rmSync(at('top'))
      put('top/in')
    },
  ],
  [
    'a directory becomes a file',
    () => {
      rmSync(at('m'), { recursive: true })
      put('m')
    },
  ],
  [
    'a directory becomes a link to it',
    () => {
      renameSync(at('d3'), at('d4'))
      symlinkSync('d4', at('d3'))
    },
  ],
  [
    'a link is turned',
    () => {
      rmSync(at('d3'))
      symlinkSync('d', at('d3'))
    },
  ],
  ['a name is a problem', () => put('d4/two\nlines')],
  ['a file is written where there is a problem', () => put('d4/f2', 'beside')],
  ['the problem is gone', () => rmSync(at('d4/two\nlines'))],
  ['a file is written after that', () => put('d4/f2', 'after')],
  [
    'all is gone but an empty directory',
    () => {
      for (const path of ['d', 'd3', 'd4', 'm', 'top']) rmSync(at(path), { recursive: true })
      mkdirSync(at('empty'))
    },
  ],
]

test.each(['settled', 'just written', 'watched'])(
  'whatever has changed (files are %s)',
  async (how) => {
    for (const path of ['d/e/f1', 'd/f2', 'd/e/f3', 'keep/me']) put(path)
    let { snapshot } = await host.scanner.scan()
    let isKnown = 0
    for (const [what, change] of changes) {
      if (how !== 'just written') {
        await host.untilSettled()
        const { problems } = await host.scanner.scan()
        if (how === 'watched' && problems.length === 0) await host.untilWatched()
      }
      change()
      const scan = await host.scanner.scan()
      if (expectKnown(snapshot, scan.snapshot)) isKnown += 1
      snapshot = scan.snapshot
      expect([what, plain(scan)]).toEqual([what, await host.fresh()])
      expect([what, await host.scan()]).toEqual([what, await host.fresh()])
    }
    expect(isKnown).toBeGreaterThan(10)
  },
)

test('a directory that may be read and not searched any more', () =>
  asBoundUser(host.base, async () => {
    for (const path of ['d/f', 'keep/me']) put(path)
    await host.scanner.scan()
    await host.untilSettled()
    const { snapshot } = await host.scanner.scan()
    expect(await host.looked()).toMatchObject({ readBytes: 0, all: 4 })
    chmodSync(at('d'), 0o400)
    const { problems } = await host.scanner.scan()
    expect(problems).toEqual([{ path: 'd', side: 'host', reason: reasons.denied }])
    expect(await host.scan()).toEqual(await host.fresh())
    chmodSync(at('d'), 0o700)
    expect(await host.scan()).toEqual(plain({ snapshot, problems: [] }))
  }))
