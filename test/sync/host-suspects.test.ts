/** Which directories of the host are looked at when something happens in the middle of it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DigestCache } from '../../src/sync/digest-cache.ts'
import { HostSuspects } from '../../src/sync/host-suspects.ts'
import type { Steps } from '../../src/sync/slices.ts'
import type { TreePath } from '../../src/tree.ts'
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
