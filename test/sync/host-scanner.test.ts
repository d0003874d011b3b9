/** A scan that follows another one finds what a first scan of the same files would. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DigestCache } from '../../src/sync/digest-cache.ts'
import { HostScanner, scanHost } from '../../src/sync/host-scan.ts'
import { reasons, type Scan } from '../../src/sync/snapshot.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'
import { asBoundUser } from '../support/bound-user.ts'
import { expectKnown } from './difference.ts'

let root: string
let scanner: HostScanner
const rules = new SyncRules(['*.log'])
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-scanner-')))
  scanner = new HostScanner({ root, rules, cache: new DigestCache(), watchedFrom: 0 })
})
afterEach(async () => {
  await scanner.close()
  rmSync(root, { recursive: true, force: true })
})

const at = (path: string) => join(root, path)
const put = (path: string, text = path) => {
  mkdirSync(dirname(at(path)), { recursive: true })
  writeFileSync(at(path), text)
}
/** Until another change of any file must leave another ctime. */
const untilSettled = () => {
  const youngestMs = () =>
    Math.max(
      ...readdirSync(root, { recursive: true }).map((path) => lstatSync(at(`${path}`)).ctimeMs),
    )
  return expect.poll(() => Date.now() - youngestMs(), { interval: 10 }).toBeGreaterThan(60)
}
const lookedBy = async (scanning: HostScanner) => {
  const looked = { entries: 0, readBytes: 0 }
  const scan = await scanning.scan(undefined, looked)
  return { ...looked, all: scan.snapshot.size }
}
/** Until a scan has nothing to look at. */
const untilWatched = (scanning: HostScanner) =>
  expect
    .poll(async () => (await lookedBy(scanning)).entries, { interval: 160, timeout: 10_000 })
    .toBe(0)
const plain = ({ snapshot, problems }: Scan) => ({
  snapshot: Object.fromEntries(snapshot),
  problems: [...problems].sort((a, b) => (a.path < b.path ? -1 : 1)),
})
const fresh = async () => plain(await scanHost({ root, rules, cache: new DigestCache() }))

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
    let { snapshot } = await scanner.scan()
    let isKnown = 0
    for (const [what, change] of changes) {
      if (how !== 'just written') {
        await untilSettled()
        const { problems } = await scanner.scan()
        if (how === 'watched' && problems.length === 0) await untilWatched(scanner)
      }
      change()
      const scan = await scanner.scan()
      if (expectKnown(snapshot, scan.snapshot)) isKnown += 1
      snapshot = scan.snapshot
      expect([what, plain(scan)]).toEqual([what, await fresh()])
      expect([what, plain(await scanner.scan())]).toEqual([what, await fresh()])
    }
    expect(isKnown).toBeGreaterThan(10)
  },
)

test('a directory that may be read and not searched any more', () =>
  asBoundUser(root, async () => {
    for (const path of ['d/f', 'keep/me']) put(path)
    await scanner.scan()
    await untilSettled()
    const { snapshot } = await scanner.scan()
    expect(await lookedBy(scanner)).toMatchObject({ readBytes: 0, all: 4 })
    chmodSync(at('d'), 0o400)
    const { problems } = await scanner.scan()
    expect(problems).toEqual([{ path: 'd', side: 'host', reason: reasons.denied }])
    expect(plain(await scanner.scan())).toEqual(await fresh())
    chmodSync(at('d'), 0o700)
    expect(plain(await scanner.scan())).toEqual(plain({ snapshot, problems: [] }))
  }))
