import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { IgnoreRules } from '../../src/ignore/rules.ts'
import { listPage } from '../../src/resources/file-pages.ts'
import { ListingWatch, listingLimits } from '../../src/resources/listing-watch.ts'
import { eachStepATurn } from '../support/each-step-a-turn.ts'
import { newPlace, type Place } from './world.ts'

const soon = { timeout: 10_000, interval: 10 }
const never = 2 ** 30

function newWatch(place: Place, times = { pollMs: 20, hintMs: 10 }) {
  const told: number[] = []
  const watch = new ListingWatch(place.tree, place.sight, () => told.push(performance.now()), times)
  onTestFinished(() => watch.close())
  return {
    watch,
    told,
    list: async () => {
      const signal = new AbortController().signal
      let cursor: string | undefined
      do {
        const page = await listPage(place.tree, place.sight, cursor, signal)
        watch.saw(page.directories, cursor === undefined)
        cursor = page.nextCursor
      } while (cursor !== undefined)
    },
    hear: async () => {
      await expect.poll(() => told.length, soon).toBeGreaterThan(0)
      told.length = 0
    },
  }
}

const ways = {
  'by hints': { pollMs: never, hintMs: 10 },
  'by looking again': { pollMs: 20, hintMs: never },
}

describe.each(Object.entries(ways))('a client that has listed hears %s', (_, times) => {
  test('of files and directories that come, go and are renamed', async () => {
    const place = newPlace()
    place.write('a/b/f', 'x')
    const { list, hear } = newWatch(place, times)
    const at = (path: string) => join(place.root, path)
    await list()
    place.write('a/b/g', 'x')
    await hear()
    unlinkSync(at('a/b/g'))
    await hear()
    renameSync(at('a/b/f'), at('a/b/h'))
    await hear()
    mkdirSync(at('new'))
    await hear()
    symlinkSync('a/b/h', at('link'))
    await hear()
    rmSync(at('a'), { recursive: true })
    await hear()
  })

  test('of an ignore file that means something else now', async () => {
    const place = newPlace()
    place.write('d/.gitignore', '*.log')
    const { list, hear } = newWatch(place, times)
    await list()
    writeFileSync(join(place.root, 'd/.gitignore'), '*.tmp')
    await hear()
  })

  test('of a new ignore file that leaves itself out with all the others', async () => {
    const place = newPlace()
    place.write('d/f', 'x')
    const { list, hear } = newWatch(place, times)
    await list()
    place.write('d/.gitignore', '*')
    await hear()
  })

  test('of .git/info/exclude, made and changed', async () => {
    const place = newPlace()
    place.write('d/f', 'x')
    mkdirSync(join(place.root, '.git'))
    const { list, hear } = newWatch(place, times)
    await list()
    place.write('.git/info/exclude', 'd/\n')
    await hear()
    place.write('.git/info/exclude', '*.log\n')
    await hear()
  })
})

describe('a client hears nothing', () => {
  test('before it has listed', async () => {
    const place = newPlace()
    const { list, told, hear, watch } = newWatch(place)
    place.write('f')
    expect(watch.listeners).toBe(0)
    watch.checkSoon()
    await list()
    expect(told).toEqual([])
    place.write('g')
    await hear()
  })

  test('of what is ignored, of .git, and of files that only change', async () => {
    const place = newPlace()
    place.write('.gitignore', '*.log\nbuild/\n')
    place.write('f', 'x')
    mkdirSync(join(place.root, '.git'))
    const { list, told } = newWatch(place)
    await list()
    const post = place.sight.look.bind(place.sight)
    let looks = 0
    place.sight.look = (...args) => {
      looks++
      return post(...args)
    }
    place.write('a.log', 'x')
    place.write('build/x', 'x')
    place.write('.git/index', 'x')
    place.write('f', 'y')
    place.write(`.sbx-${'0'.repeat(32)}`, 'x')
    // Enough that all of it was seen.
    await expect.poll(() => looks, soon).toBeGreaterThan(10)
    expect(told).toEqual([])
    place.write('g')
    await expect.poll(() => told.length, soon).toBe(1)
  })
})

describe('a watched listing', () => {
  test('is told of at most twice a second', async () => {
    const place = newPlace()
    const { list, told } = newWatch(place)
    await list()
    let i = 0
    await expect
      .poll(
        () => {
          place.write(`f${i++}`)
          return told.length
        },
        { timeout: 10_000, interval: 5 },
      )
      .toBeGreaterThan(3)
    for (const [n, ms] of told.entries()) {
      if (n > 0) expect(ms - (told[n - 1] ?? 0)).toBeGreaterThan(480)
    }
  })

  test('costs one look at each directory a time, also when it is listed again meanwhile', async () => {
    const place = newPlace()
    for (const name of 'abcd') mkdirSync(join(place.root, name))
    const times = { pollMs: 1_000, hintMs: never }
    const { watch } = newWatch(place, times)
    const signal = new AbortController().signal
    const { directories } = await listPage(place.tree, place.sight, undefined, signal)
    const look = place.sight.look.bind(place.sight)
    let looks = 0
    let meanwhile = () => {}
    place.sight.look = (path, listen) => {
      // To read the names it looks too, and listens at nothing.
      if (listen !== undefined) looks++
      meanwhile()
      return look(path, listen)
    }
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    watch.saw(directories, true)
    meanwhile = () => {
      meanwhile = () => {}
      watch.saw(directories, true)
    }
    await vi.advanceTimersByTimeAsync(times.pollMs)
    looks = 0
    await vi.advanceTimersByTimeAsync(times.pollMs)
    // One more is of `.git/info/exclude`.
    expect(looks).toBe(directories.length + 1)
  })

  test('of which a page comes when all has ended is not watched', async () => {
    const place = newPlace()
    place.write('d/f', 'x')
    const { list, watch } = newWatch(place)
    watch.close()
    await list()
    expect(watch.listeners).toBe(0)
  })

  test('is not told of when all ends while it is compared', async () => {
    const place = newPlace()
    const { list, told, watch } = newWatch(place)
    await list()
    const compared = new Promise<void>((resolve) => {
      const read = place.tree.read.bind(place.tree)
      place.tree.read = (...args) => {
        watch.close()
        resolve()
        return read(...args)
      }
    })
    place.write('f')
    await compared
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(told).toEqual([])
  })

  test('lets others have their turn after each name that is compared', async () => {
    const place = newPlace()
    place.write('.gitignore', '*b\n')
    mkdirSync(join(place.root, 'd'))
    const { list, hear } = newWatch(place)
    await list()
    const ready = join(place.outside, 'd')
    mkdirSync(ready)
    const count = 200
    for (let i = 0; i < count; i++) writeFileSync(join(ready, `${i}b`), '')
    let turns = 0
    const compared: number[] = []
    const { ignores } = IgnoreRules.prototype
    const rules = vi.spyOn(IgnoreRules.prototype, 'ignores')
    onTestFinished(() => rules.mockRestore())
    rules.mockImplementation(function (this: IgnoreRules, ...asked) {
      compared.push(turns)
      return ignores.apply(this, asked)
    })
    const compare = async () => {
      rmSync(join(place.root, 'd'), { recursive: true })
      renameSync(ready, join(place.root, 'd'))
      await expect.poll(() => compared.length, soon).toBeGreaterThanOrEqual(count)
      place.write('g')
      await hear()
    }
    await eachStepATurn(compare, () => {
      turns += 1
    })
    expect(new Set(compared).size).toBe(compared.length)
  })

  test('costs a bounded number of directories and names', async () => {
    const place = newPlace()
    const count = listingLimits.directories + 300
    for (let i = 0; i < count; i++) mkdirSync(join(place.root, `d${String(i).padStart(5, '0')}`))
    const { list, watch, hear } = newWatch(place)
    await list()
    expect(watch.listeners).toBeGreaterThan(0)
    expect(watch.listeners).toBeLessThanOrEqual(128)
    // Beyond what is listened at, and within what is looked at.
    place.write('d00900/f')
    await hear()
    watch.close()
    expect(watch.listeners).toBe(0)
  })
})
