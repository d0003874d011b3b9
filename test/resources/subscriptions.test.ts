/** Every way a file changes is heard of: by hints of the system alone, and by looking again alone. */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { pathWatchTimes } from '../../src/resources/path-watch.ts'
import type { WatchTimes } from '../../src/resources/sight.ts'
import { Subscriptions, subscriptionLimit } from '../../src/resources/subscriptions.ts'
import { parseWorkspaceUri } from '../../src/resources/workspace-uri.ts'
import { treePath } from '../../src/tree.ts'
import { newPlace, type Place } from './world.ts'

const never = 2 ** 30
const soon = { timeout: 10_000, interval: 10 }
const uri = (path: string) => `workspace:///${path}`

function newSubscriptions(place: Place, times?: WatchTimes) {
  const heard: string[] = []
  const subscriptions = new Subscriptions(place.tree, place.sight, (one) => heard.push(one), times)
  onTestFinished(() => subscriptions.close())
  return {
    subscriptions,
    heard,
    add: (path: string) => subscriptions.addFile(uri(path), treePath(path)),
    hear: async (path: string) => {
      await expect.poll(() => heard, soon).toContain(uri(path))
      heard.length = 0
    },
  }
}

const ways = {
  'by hints': { pollMs: never, hintMs: 10 },
  'by looking again': { pollMs: 20, hintMs: never },
}

describe.each(Object.entries(ways))('a subscriber hears %s', (way, times) => {
  const begin = async (path: string, content?: string) => {
    const place = newPlace()
    if (content !== undefined) place.write(path, content)
    const all = newSubscriptions(place, times)
    await all.add(path)
    return { place, at: (name: string) => join(place.root, name), ...all }
  }

  test('of a file that is written in place, appended to, and touched', async () => {
    const { hear, at } = await begin('d/f', 'one')
    writeFileSync(at('d/f'), 'two')
    await hear('d/f')
    appendFileSync(at('d/f'), 'three')
    await hear('d/f')
    utimesSync(at('d/f'), 1, 1)
    await hear('d/f')
  })

  test('of a file that another is renamed over, again and again', async () => {
    const { hear, at } = await begin('f', '0')
    for (const content of ['1', '2', '3']) {
      writeFileSync(at('new'), content)
      utimesSync(at('new'), 1, 1)
      renameSync(at('new'), at('f'))
      await hear('f')
    }
  })

  test('of a file that is deleted and made again', async () => {
    const { hear, at } = await begin('d/f', 'x')
    unlinkSync(at('d/f'))
    await hear('d/f')
    writeFileSync(at('d/f'), 'x')
    await hear('d/f')
  })

  test('of a file that is not there yet, nor the directories it will be in', async () => {
    const { hear, at, place } = await begin('a/b/c/f')
    mkdirSync(at('a'))
    place.write('a/b/c/f', 'x')
    await hear('a/b/c/f')
    place.write('a/b/c/f', 'y')
    await hear('a/b/c/f')
  })

  test('of a file whose directory is removed, and made again', async () => {
    const { hear, at, place } = await begin('d/f', 'x')
    for (let i = 0; i < 3; i++) {
      rmSync(at('d'), { recursive: true })
      await hear('d/f')
      place.write('d/f', 'x')
      await hear('d/f')
    }
  })

  test('of a file whose directory is moved away', async () => {
    const { hear, at } = await begin('d/f', 'x')
    renameSync(at('d'), at('e'))
    await hear('d/f')
    renameSync(at('e'), at('d'))
    await hear('d/f')
  })

  test('of what a link inside leads to', async () => {
    const { hear, at, place, add } = await begin('real/f', 'x')
    symlinkSync('real/f', at('link'))
    await add('link')
    place.write('real/f', 'y')
    await hear('link')
  })

  test('of a change within one tick of the file system’s clock, by content', async () => {
    const place = newPlace()
    place.write('f', 'one')
    place.write('large', 'x'.repeat(2_000_000))
    const { look } = place.sight
    place.sight.look = (...args) => {
      const seen = look.apply(place.sight, args)
      return { ...seen, signature: seen.kind, unsettled: true }
    }
    const { add, hear, heard } = newSubscriptions(place, times)
    await add('f')
    await add('large')
    writeFileSync(join(place.root, 'f'), 'two')
    await expect.poll(() => heard, soon).toContain(uri('f'))
    expect(heard).not.toContain(uri('large'))
    await hear('f')
  })

  test('nothing of what others subscribed to, or after it unsubscribed', async () => {
    const { hear, heard, at, add, subscriptions } = await begin('f', 'x')
    writeFileSync(at('other'), 'x')
    await add('g')
    subscriptions.delete(uri('f'))
    writeFileSync(at('f'), 'y')
    writeFileSync(at('g'), 'y')
    await expect.poll(() => heard, soon).toContain(uri('g'))
    expect(heard).not.toContain(uri('f'))
    expect(heard).not.toContain(uri('other'))
    await hear('g')
  })

  test('by the name that it used', async () => {
    const { at, heard, subscriptions } = await begin('f', 'x')
    const other = 'workspace:///%66'
    await subscriptions.addFile(other, parseWorkspaceUri(other) as ReturnType<typeof treePath>)
    writeFileSync(at('f'), 'y')
    await expect.poll(() => heard, soon).toEqual(expect.arrayContaining([uri('f'), other]))
    subscriptions.delete(other)
    heard.length = 0
    writeFileSync(at('f'), 'zz')
    await expect.poll(() => heard, soon).toContain(uri('f'))
    expect(heard).not.toContain(other)
  })

  test.runIf(way === 'by looking again')(
    'of a link that is changed to lead elsewhere',
    async () => {
      const { hear, at, place, add } = await begin('a', 'x')
      place.write('sub/b', 'x')
      symlinkSync('../a', at('sub/link'))
      await add('sub/link')
      unlinkSync(at('sub/link'))
      symlinkSync('b', at('sub/link'))
      await hear('sub/link')
    },
  )

  test.runIf(way === 'by looking again')('of a file whose far parent is replaced', async () => {
    const { hear, at, place } = await begin('a/b/c/f', 'x')
    place.write('new/b/c/f', 'other')
    renameSync(at('a'), at('old'))
    renameSync(at('new'), at('a'))
    await hear('a/b/c/f')
  })
})

describe('subscriptions', () => {
  test('are told quickly, and many changes at once are one update', async () => {
    const place = newPlace()
    place.write('f', '0')
    const { add, heard } = newSubscriptions(place)
    await add('f')
    const began = performance.now()
    for (let i = 0; i < 50; i++) place.write('f', `${i}`)
    await expect.poll(() => heard, soon).toHaveLength(1)
    expect(performance.now() - began).toBeLessThan(pathWatchTimes.pollMs)
  })

  test('listen at directories inside only, and at none when they have ended', async () => {
    const place = newPlace()
    place.write('d/f', 'x')
    place.write('d/g', 'x')
    symlinkSync('../ws-evil', join(place.root, 'out'))
    symlinkSync('../ws-evil/secret', join(place.root, 'secret'))
    const { add, heard, subscriptions } = newSubscriptions(place, { pollMs: 20, hintMs: 10 })
    for (const path of ['out/secret', 'secret', 'out/new']) {
      await expect(add(path)).rejects.toMatchObject({ code: 'PATH_OUTSIDE' })
    }
    expect(subscriptions.listeners).toBe(0)
    await add('d/f')
    await add('d/g')
    expect(subscriptions.listeners).toBe(1)
    rmSync(join(place.root, 'd'), { recursive: true })
    symlinkSync('../ws-evil', join(place.root, 'd'))
    await expect.poll(() => heard, soon).toContain(uri('d/g'))
    expect(subscriptions.listeners).toBe(0)
    writeFileSync(join(place.outside, 'f'), 'x')
    unlinkSync(join(place.root, 'd'))
    place.write('d/f', 'x')
    await expect.poll(() => subscriptions.listeners, soon).toBe(1)
    subscriptions.delete(uri('d/f'))
    subscriptions.delete(uri('d/g'))
    expect(subscriptions.listeners).toBe(0)
  })

  test('do not keep a process running', async () => {
    const place = newPlace()
    const before = process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length
    const { add } = newSubscriptions(place)
    await add('f')
    const after = process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length
    expect(after).toBe(before)
  })

  test('are not for directories', async () => {
    const place = newPlace()
    mkdirSync(join(place.root, 'd'))
    await expect(newSubscriptions(place).add('d')).rejects.toMatchObject({ code: 'NOT_A_FILE' })
  })

  test('have a bound, and room again when some have ended', async () => {
    const { add, subscriptions } = newSubscriptions(newPlace())
    for (let i = 0; i < subscriptionLimit; i++) await add(`f${i}`)
    await expect(add('more')).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
      message: `there are ${subscriptionLimit} subscriptions already`,
    })
    await add('f0')
    subscriptions.delete(uri('f0'))
    await add('more')
  })

  test('have that bound also when they are asked for all at once', async () => {
    const { add } = newSubscriptions(newPlace())
    const asked = Array.from({ length: subscriptionLimit + 5 }, (_, i) => add(`f${i}`))
    const refused = (await Promise.allSettled(asked)).filter(({ status }) => status === 'rejected')
    expect(refused).toHaveLength(5)
  })

  test('that are asked for as all end are none', async () => {
    const place = newPlace()
    place.write('f', 'x')
    const { add, heard, subscriptions } = newSubscriptions(place, { pollMs: 20, hintMs: 10 })
    const asked = add('f')
    subscriptions.close()
    await asked
    expect(subscriptions.listeners).toBe(0)
    expect(heard).toEqual([])
  })

  test.runIf(process.getuid?.() === 0)('survive a file that may not be read', async () => {
    const place = newPlace()
    place.write('f', 'x')
    chmodSync(join(place.root, 'f'), 0)
    const { add, hear } = newSubscriptions(place)
    await add('f')
    place.write('f', 'y')
    await hear('f')
  })
})
