/** A scan that only looks where the kernel told of changes finds what a scan of everything would. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HostWatch } from '../../src/sync/host/watch.ts'
import { atOnce } from '../../src/sync/slices.ts'
import { treePath, treeRoot } from '../../src/tree.ts'
import { untilTold, watches } from '../support/watches.ts'
import { expectKnown } from './difference.ts'
import { plain, ScannedHost } from './scanned-host.ts'

let host: ScannedHost
beforeEach(() => {
  host = new ScannedHost()
})
afterEach(() => host.close())

const at = (path: string) => host.at(path)
const entriesLookedAt = async () => (await host.looked()).entries
/** Until a scan looks at some of it only. */
const untilFollowed = () =>
  expect
    .poll(async () => (await entriesLookedAt()) < 2_000, { interval: 400, timeout: 20_000 })
    .toBe(true)
/** Long enough ago for a digest to be relied on at once. */
const old = (path: string) => utimesSync(at(path), 1e9, 1e9)

describe.runIf(process.platform === 'linux')('a scan with a watch', () => {
  test('looks where something has changed, and at the files there', async () => {
    for (const d of ['a', 'b', 'c'])
      for (let i = 0; i < 10; i++) {
        mkdirSync(at(d), { recursive: true })
        writeFileSync(at(`${d}/f${i}`), 'x')
        old(`${d}/f${i}`)
      }
    await host.scanner.scan()
    await host.untilWatched()
    writeFileSync(at('b/f3'), 'y')
    expect(await entriesLookedAt()).toBeLessThan(25)
    expect(await host.scan()).toEqual(await host.fresh())
  })

  test('a file that is changed by another name it has had since before', async () => {
    writeFileSync(join(host.base, 'other'), 'one')
    mkdirSync(at('d'))
    linkSync(join(host.base, 'other'), at('d/f'))
    await host.scanner.scan()
    await expect
      .poll(entriesLookedAt, { interval: 160, timeout: 10_000 })
      // The directory with that file, each time.
      .toBe(1)
    appendFileSync(join(host.base, 'other'), ' two')
    expect(await host.scan()).toEqual(await host.fresh())
  })

  test('what the watch does not tell is found once nobody has asked for a second', async () => {
    mkdirSync(at('d'))
    writeFileSync(at('d/f'), 'one')
    await host.untilWatched()
    // The kernel tells of this name to those who watch the file, and of that change to those who watch its directory.
    linkSync(at('d/f'), join(host.base, 'other'))
    appendFileSync(join(host.base, 'other'), ' two')
    await expect
      .poll(() => host.scan(), { interval: 1_500, timeout: 15_000 })
      .toEqual(await host.fresh())
  })

  test('what is changed while all are looked at is not missed', async () => {
    for (let d = 0; d < 40; d++) {
      mkdirSync(at(`d${d}`))
      for (let i = 0; i < 100; i++) writeFileSync(at(`d${d}/f${i}`), 'x')
    }
    await host.scanner.scan()
    // In bursts: what is looked at grows with what was made, and a slow machine is to catch up.
    const script =
      'i=99; while :; do for _ in 1 2 3 4 5; do i=$((i+1)); mkdir n$i n$i/m; echo $i >n$i/m/f; echo $i >d7/f$i; done; sleep 0.15; done'
    const changing = spawn('sh', ['-c', script], { cwd: host.root, stdio: 'ignore' })
    const ended = once(changing, 'close')
    const count = () => readdirSync(at('d7')).length
    try {
      await expect.poll(count, { timeout: 20_000 }).toBeGreaterThan(100)
      await untilFollowed()
      const until = count() + 100
      while (count() < until) await host.scanner.scan()
    } finally {
      changing.kill('SIGKILL')
      await ended
    }
    expect(await host.scan()).toEqual(await host.fresh())
  })

  test('a storm of changes, more than the kernel keeps', async () => {
    mkdirSync(at('d'))
    mkdirSync(at('e'))
    for (const name of ['f', 'g']) writeFileSync(at(`d/${name}`), 'x')
    await host.scanner.scan()
    await host.untilWatched()
    // What is told twice in a row is kept once.
    for (let i = 0; i < 20_000; i++) chmodSync(at(i % 2 === 0 ? 'd/f' : 'd/g'), 0o600)
    writeFileSync(at('e/f'), 'not told any more')
    await untilTold()
    expect(await host.scan()).toEqual(await host.fresh())
    await host.untilWatched()
  })

  test('more directories than may be watched are not followed at all', async () => {
    const paths = Array.from({ length: 10_001 }, (_, d) => treePath(`d${d}`))
    for (const path of paths) mkdirSync(at(path))
    const watch = new HostWatch(host.root)
    const allOfThem = () => atOnce(watch.follow([treeRoot, ...paths]))
    try {
      expect(atOnce(watch.follow(paths.slice(0, 100)))).toBe(true)
      expect(watches()).toBeGreaterThan(99)
      expect(allOfThem()).toBe(false)
      expect(watches()).toBe(0)
      expect(await watch.changed()).toBeUndefined()
    } finally {
      watch.end()
    }
  })

  test('few entries are not watched, and a scanner that is closed watches none', async () => {
    await host.renew({})
    const put = (path: string) => {
      writeFileSync(at(path), '')
      old(path)
    }
    for (let i = 0; i < 999; i++) put(`f${i}`)
    await host.untilSettled()
    await host.scanner.scan()
    expect(await entriesLookedAt()).toBe(999)
    put('f')
    await host.untilSettled()
    await host.scanner.scan()
    await host.untilWatched()
    expect(watches()).toBeGreaterThan(0)
    await host.scanner.close()
    expect(watches()).toBe(0)
    expect(await entriesLookedAt()).toBe(1_000)
  })

  test('the workspace is another, with the directory it is in', async () => {
    mkdirSync(at('d'))
    writeFileSync(at('d/f'), 'one')
    await host.scanner.scan()
    await host.untilWatched()
    mkdirSync(join(host.base, 'new/root/d'), { recursive: true })
    writeFileSync(join(host.base, 'new/root/d/g'), 'two')
    renameSync(join(host.base, 'above'), join(host.base, 'old'))
    renameSync(join(host.base, 'new'), join(host.base, 'above'))
    expect(await host.scan()).toEqual(await host.fresh())
  })

  test('whatever is done between scans', async () => {
    const path = fc
      .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
      .map((names) => names.join('/'))
    const step = fc.oneof(
      fc.record({ what: fc.constant('write' as const), path, text: fc.string({ maxLength: 3 }) }),
      fc.record({ what: fc.constantFrom('remove', 'mkdir', 'chmod', 'link'), path }),
      fc.record({ what: fc.constantFrom('rename', 'name'), path, to: path }),
      fc.record({ what: fc.constant('scan' as const) }),
    )
    let spared = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        rmSync(host.root, { recursive: true, force: true })
        for (const d of ['a', 'b', 'b/c']) mkdirSync(at(d), { recursive: true })
        for (const f of ['a/a', 'a/b', 'b/c/a', 'c']) writeFileSync(at(f), f)
        await host.renew()
        await host.untilWatched()
        let { snapshot } = await host.scanner.scan()
        for (const one of [...steps, { what: 'scan' } as const]) {
          if (one.what !== 'scan') attempt(one)
          else {
            const looked = { entries: 0, readBytes: 0 }
            const scan = await host.scanner.scan(undefined, looked)
            if (looked.entries < scan.snapshot.size) spared += 1
            expectKnown(snapshot, scan.snapshot)
            snapshot = scan.snapshot
            expect(plain(scan)).toEqual(await host.fresh())
          }
        }
      }),
      { numRuns: 30 },
    )
    expect(spared).toBeGreaterThan(15)
  })
})

type Step = { what: string; path: string; text?: string; to?: string }

/** As far as the system lets it be done. */
function attempt({ what, path, text, to }: Step): void {
  const from = at(path)
  try {
    if (what === 'write') writeFileSync(from, text ?? '')
    else if (what === 'remove') rmSync(from, { recursive: true })
    else if (what === 'mkdir') mkdirSync(from)
    else if (what === 'chmod') chmodSync(from, lstatSync(from).mode ^ 0o100)
    else if (what === 'link') symlinkSync('a', from)
    else if (what === 'name') linkSync(from, at(`${to}`))
    else renameSync(from, at(`${to}`))
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toMatch(/^E[A-Z]+$/)
  }
}
