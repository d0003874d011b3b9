/** Which directories of the host are looked at when something happens in the middle of it. */
import { renameSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DigestCache } from '../../src/sync/host/digest-cache.ts'
import { HostSuspects } from '../../src/sync/host/suspects.ts'
import type { Steps } from '../../src/sync/slices.ts'
import { type TreePath, treePath } from '../../src/tree.ts'
import { untilTold, watches } from '../support/watches.ts'
import { ScannedHost } from './scanned-host.ts'

/** Something happens once, between what a scan lists and what is followed of it. */
class MeddledCache extends DigestCache {
  meddle: (() => void) | undefined

  override *turnPart(gone: Iterable<TreePath>): Steps<void> {
    yield* super.turnPart(gone)
    this.meddle?.()
    this.meddle = undefined
    yield
  }
}

let host: ScannedHost
let cache: MeddledCache
beforeEach(async () => {
  host = new ScannedHost()
  cache = new MeddledCache()
  await host.renew({ watchedFrom: 0, cache })
})
afterEach(() => host.close())

describe.runIf(process.platform === 'linux')('where directories are watched', () => {
  test('what is made in a new directory before it is followed is not missed', async () => {
    host.put('a')
    await host.untilWatched()
    cache.meddle = () => host.put('new/late')
    host.put('new/early')
    expect(Object.keys((await host.scan()).snapshot)).toEqual(['a', 'new', 'new/early'])
    expect(await host.scan()).toEqual(await host.fresh())
  })

  test('none are followed as long as somebody waits', async () => {
    const other = new ScannedHost()
    for (let d = 0; d < 50; d++) host.put(`d${d}/f`)
    other.put('f')
    try {
      await host.scanner.scan()
      await other.scan()
      await expect.poll(watches, { interval: 20, timeout: 10_000 }).toBeGreaterThan(0)
      expect(watches()).toBeLessThan(10)
      host.scanner.rest()
      await expect.poll(watches, { interval: 20, timeout: 10_000 }).toBeGreaterThan(50)
    } finally {
      await other.close()
    }
  })

  test('where all ends to be followed in the middle of a scan, any may have changed after it', async () => {
    for (const path of ['a/f', 'b/f', 'new/f']) host.put(path)
    const some = (...paths: string[]) =>
      new Map(paths.map((path) => [treePath(path), { names: ['f'], known: [undefined] }]))
    const suspects = new HostSuspects({ root: host.root, directories: () => some('', 'a', 'b') })
    const taken = async () => {
      const suspected = await suspects.take()
      if (suspected === undefined) suspects.later()
      return suspected
    }
    await expect.poll(taken, { interval: 160, timeout: 10_000 }).toBeDefined()
    renameSync(host.at('a'), host.at('c'))
    await untilTold()
    await suspects.listed(some('new'))
    host.put('b/f', 'other')
    expect(await suspects.take()).toBeUndefined()
    await suspects.close()
  })

  test.each([
    ['a defect', new Error('a defect'), true],
    ['a refusal of the system', Object.assign(new Error('no'), { code: 'ENOTDIR' }), false],
  ])('%s in a look that nobody waits for ends no later one', async (_, error, isTold) => {
    let looks = 0
    const directories = () => {
      looks += 1
      throw error
    }
    const suspects = new HostSuspects({ root: host.root, directories })
    suspects.later()
    await expect.poll(() => looks, { timeout: 5_000 }).toBe(1)
    if (isTold) await expect(suspects.take()).rejects.toThrow('a defect')
    expect(await suspects.take()).toBeUndefined()
    await suspects.close()
  })
})
