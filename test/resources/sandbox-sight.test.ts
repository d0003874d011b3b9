/** What is seen of a workspace inside a sandbox, beside what is seen of the same files on the host. */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { sandboxLost } from '../../src/errors.ts'
import { type FilePage, listPage, pageLimits } from '../../src/resources/file-pages.ts'
import { ListingWatch } from '../../src/resources/listing-watch.ts'
import { completePath } from '../../src/resources/path-completion.ts'
import { SandboxSight } from '../../src/resources/sandbox-sight.ts'
import { clockTickMs, type Sight } from '../../src/resources/sight.ts'
import { Subscriptions } from '../../src/resources/subscriptions.ts'
import { type Tree, treePath } from '../../src/tree.ts'
import { SandboxGlance } from '../../src/trees/sandbox-glance.ts'
import { SandboxTree, type ScriptRunner } from '../../src/trees/sandbox-tree.ts'
import { localShells } from '../support/local-shells.ts'
import { newPlace, type Place } from './world.ts'

const never = new AbortController().signal
const soon = { timeout: 20_000, interval: 20 }
const shells = await localShells()

/** The place, as it looks when it is in a sandbox. */
function inside({ root }: Place, run: ScriptRunner) {
  const world = { scripts: 0, isOpen: true, asked: 0 }
  const counting: ScriptRunner = (...args) => {
    world.scripts += 1
    return run(...args)
  }
  const tree = new SandboxTree(counting, { root })
  const glance = new SandboxGlance(counting, async () => root)
  const isOpen = () => {
    world.asked += 1
    return world.isOpen
  }
  const access = { isOpen, open: async () => {} }
  return { world, tree, sight: new SandboxSight(tree, glance, access) }
}

async function allPages(tree: Tree, sight: Sight): Promise<FilePage[]> {
  const pages = [await listPage(tree, sight, undefined, never)]
  for (let next = pages[0]?.nextCursor; next !== undefined; next = pages.at(-1)?.nextCursor) {
    pages.push(await listPage(tree, sight, next, never))
  }
  return pages
}

function oddTree(): Place {
  const place = newPlace()
  const files = {
    '.gitignore': '*.log\nbuild/\n!keep.log\n',
    '.git/info/exclude': 'excluded\n',
    '.git/config': '',
    'a.log': '',
    'keep.log': 'kept',
    excluded: '',
    'build/x': '',
    'sub/.gitignore': 'secret*\n!*.log\n',
    'sub/secret-1': '',
    'sub/b.log': 'b',
    'sub/deep/.gitignore': 'x\0y\nz*\n',
    'sub/deep/z1': '',
    'sub/deep/x': 'not ignored',
    'a b/c': '1',
    "quote's/'": '',
    'new\nline/f\n': '',
    'new\n81a4 1 1 2026-01-01 00:00:00 +0000 /f': '',
    '-n/-f': '',
    '*': '',
    'back\\slash/$HOME `x`': '',
    ' ': '',
    'Zoë/100%.md': '%',
    'a-b': '',
    'a/b': '',
    'a.b': '',
    '\u{10000}': '',
    '\ufb01': '',
    [`.sbx-${'0'.repeat(32)}`]: '',
  }
  for (const [path, content] of Object.entries(files)) place.write(path, content)
  writeFileSync(Buffer.concat([Buffer.from(`${place.root}/bad-`), Buffer.from([0xff])]), '')
  mkdirSync(join(place.root, 'empty'))
  const link = (target: string, path: string) => symlinkSync(target, join(place.root, path))
  link('keep.log', 'link')
  link('sub/deep', 'link-to-directory')
  link('../ws-evil/secret', 'out')
  link('nowhere', 'dangling')
  link('circle', 'circle')
  link('../sub/b.log', 'a/link-up')
  link(join(place.root, 'keep.log'), 'absolute')
  utimesSync(join(place.root, 'keep.log'), 1_000_000, 1_000_000.123)
  return place
}

describe.each(Object.entries(shells))('a sandbox with %s', (_, run) => {
  test('is listed as the same files on the host are', async () => {
    const place = oddTree()
    const { tree, sight } = inside(place, run)
    const [seen, onHost] = [await allPages(tree, sight), await allPages(place.tree, place.sight)]
    expect(seen.map(({ files }) => files)).toEqual(onHost.map(({ files }) => files))
    expect(seen.map(({ directories }) => directories)).toEqual(
      onHost.map(({ directories }) => directories),
    )
    expect(onHost[0]?.files.length).toBeGreaterThan(20)
  })

  test('completes paths as the host does', async () => {
    const place = oddTree()
    const { tree, sight } = inside(place, run)
    for (const typed of [
      '',
      'a',
      'sub/',
      'link',
      'link-to-directory/',
      'a b/',
      'nowhere/',
      '../',
    ]) {
      const onHost = await completePath(place.tree, place.sight, typed)
      expect(await completePath(tree, sight, typed)).toEqual(onHost)
    }
  })

  test('is listed in few round trips, whatever the number of directories', async () => {
    const place = newPlace()
    for (let d = 0; d < 400; d++) place.write(`d${d % 20}/d${d}/f`, String(d))
    for (let d = 0; d < 20; d++) place.write(`d${d}/.gitignore`, '*.log\n')
    for (let l = 0; l < 50; l++) symlinkSync('d0/d0/f', join(place.root, `link${l}`))
    const { world, tree, sight } = inside(place, run)
    const pages = await allPages(tree, sight)
    expect(pages.flatMap(({ files }) => files)).toHaveLength(470)
    expect(pages).toHaveLength(3)
    // One by one they were 423 directories, 20 ignore files and 50 links.
    expect(world.scripts).toBeLessThan(50)
  })

  test('many names in one directory are listed once, not once a page', async () => {
    const place = newPlace()
    const count = pageLimits.files * 3
    for (let f = 0; f < count; f++) writeFileSync(join(place.root, `f${f}`), '')
    utimesSync(place.root, 1_000_000, 1_000_000)
    const { tree, sight } = inside(place, run)
    const isKept = async () => {
      const [one, other] = await allPages(tree, sight)
      return one?.directories[0]?.names === other?.directories[0]?.names
    }
    await expect.poll(isKept, soon).toBe(true)
    writeFileSync(join(place.root, 'f1'), 'longer')
    writeFileSync(join(place.root, 'new'), '')
    const files = (await allPages(tree, sight)).flatMap((page) => page.files)
    expect(files).toHaveLength(count + 1)
    expect(files.find(({ name }) => name === 'f1')?.size).toBe(6)
  })

  test('a directory that goes away while it is listed is empty', async () => {
    const place = newPlace()
    for (let d = 10; d < 60; d++) place.write(`d${d}/f`)
    const { tree, sight } = inside(place, async (...args) => {
      rmSync(join(place.root, 'd50'), { recursive: true, force: true })
      return run(...args)
    })
    const names = (await allPages(tree, sight)).flatMap(({ files }) => files.map((f) => f.name))
    expect(names).toHaveLength(49)
  })

  test('a workspace that is gone is told as such', async () => {
    const place = newPlace()
    const { tree, sight } = inside({ ...place, root: join(place.root, 'gone') }, run)
    await expect(listPage(tree, sight, undefined, never)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining('the workspace directory is gone'),
    })
  })
})

const [shell] = Object.values(shells) as [ScriptRunner]
const quiet = { pollMs: 2 ** 30, hintMs: 10 }

function subscribed(place: Place, times = quiet) {
  const all = inside(place, shell)
  const heard: string[] = []
  const subscriptions = new Subscriptions(all.tree, all.sight, (uri) => heard.push(uri), times)
  onTestFinished(() => subscriptions.close())
  const add = (path: string) => subscriptions.addFile(`workspace:///${path}`, treePath(path))
  const hear = async (path: string) => {
    await expect.poll(() => heard, soon).toContain(`workspace:///${path}`)
    heard.length = 0
  }
  return { ...all, heard, subscriptions, add, hear }
}

describe('a subscriber hears', () => {
  test('after a call of a file that was written, made, replaced and removed', async () => {
    const place = newPlace()
    place.write('f', 'one')
    const { add, hear, subscriptions, heard } = subscribed(place)
    await add('f')
    await add('later')
    const at = (path: string) => join(place.root, path)
    for (const [path, change] of [
      ['f', () => appendFileSync(at('f'), 'two')],
      ['later', () => place.write('later', 'x')],
      ['f', () => chmodSync(at('f'), 0o700)],
      ['f', () => rmSync(at('f'))],
      ['f', () => symlinkSync('later', at('f'))],
      ['f', () => appendFileSync(at('later'), 'y')],
    ] as const) {
      change()
      subscriptions.checkSoon()
      await hear(path)
    }
    expect(heard).toEqual([])
  })

  test('two changes within one tick of the clock that leave the size', async () => {
    const place = newPlace()
    place.write('f', '1')
    const { add, hear, subscriptions } = subscribed(place)
    await add('f')
    for (let i = 2; i < 8; i++) {
      writeFileSync(join(place.root, 'f'), String(i))
      subscriptions.checkSoon()
      await hear('f')
    }
  })

  test('without a call, when it is looked again', async () => {
    const place = newPlace()
    place.write('f', '1')
    const { add, hear } = subscribed(place, { pollMs: 20, hintMs: 2 ** 30 })
    await add('f')
    place.write('f', 'changed')
    await hear('f')
  })

  test('nothing of what stays as it is, and of many files in one script', async () => {
    const place = newPlace()
    for (let f = 0; f < 100; f++) {
      place.write(`f${f}`, 'x')
      utimesSync(join(place.root, `f${f}`), 1_000_000, 1_000_000)
    }
    const { add, heard, subscriptions, world, hear } = subscribed(place)
    for (let f = 0; f < 100; f++) await add(`f${f}`)
    // All of them changed lately, as far as anybody can tell: that is looked into once they have aged.
    const before = world.scripts
    const lookOnce = async () => {
      const started = world.scripts
      subscriptions.checkSoon()
      await expect.poll(() => world.scripts, soon).toBeGreaterThan(started)
      place.write('f7', `changed ${started}`)
      subscriptions.checkSoon()
      await hear('f7')
      return heard
    }
    expect(await lookOnce()).toEqual([])
    expect(world.scripts).toBeGreaterThan(before)
  })

  test('nothing while the sandbox is closed, and nobody looks', async () => {
    const place = newPlace()
    place.write('f', '1')
    const { add, heard, hear, world } = subscribed(place, { pollMs: 10, hintMs: 10 })
    world.isOpen = false
    await add('f')
    place.write('f', 'changed')
    const { scripts, asked } = world
    await expect.poll(() => world.asked, soon).toBeGreaterThan(asked + 3)
    expect(heard).toEqual([])
    expect(world.scripts).toBe(scripts)
    world.isOpen = true
    await hear('f')
  })

  test('nobody looks where nothing is subscribed to any more', async () => {
    const place = newPlace()
    const { add, world, subscriptions } = subscribed(place, { pollMs: 5, hintMs: 5 })
    await add('f')
    const looked = world.asked
    await expect.poll(() => world.asked, soon).toBeGreaterThan(looked + 3)
    subscriptions.delete('workspace:///f')
    const other = subscribed(newPlace(), { pollMs: 5, hintMs: 5 })
    await other.add('g')
    const { asked } = world
    const looks = other.world.asked
    await expect.poll(() => other.world.asked, soon).toBeGreaterThan(looks + 5)
    expect(world.asked - asked).toBeLessThanOrEqual(1)
  })
})

describe('a client that has listed hears', () => {
  const listed = async (place: Place, run = shell) => {
    const all = inside(place, run)
    const told: number[] = []
    const watch = new ListingWatch(all.tree, all.sight, () => told.push(1), quiet)
    onTestFinished(() => watch.close())
    for (const [i, page] of (await allPages(all.tree, all.sight)).entries()) {
      watch.saw(page.directories, i === 0)
    }
    const hear = async () => {
      watch.checkSoon()
      await expect.poll(() => told.length, soon).toBeGreaterThan(0)
      told.length = 0
    }
    return { ...all, watch, told, hear }
  }

  test('after a call of files and directories that come and go', async () => {
    const place = newPlace()
    place.write('a/b/f')
    const { hear } = await listed(place)
    place.write('a/b/g')
    await hear()
    rmSync(join(place.root, 'a/b/g'))
    await hear()
    mkdirSync(join(place.root, 'new'))
    await hear()
    rmSync(join(place.root, 'a'), { recursive: true })
    await hear()
  })

  test('of what could not be listed when it was seen to have changed', async () => {
    const place = newPlace()
    place.write('a/f')
    let isLost = false
    let failed = 0
    const run: ScriptRunner = (...args) => {
      if (!isLost || !args[0].includes('-mindepth')) return shell(...args)
      failed += 1
      throw sandboxLost('test', 'it was stopped')
    }
    const { watch, hear } = await listed(place, run)
    isLost = true
    place.write('a/g')
    // What changed just now is looked at once more anyway.
    await new Promise((resolve) => setTimeout(resolve, clockTickMs + 1_000))
    watch.checkSoon()
    await expect.poll(() => failed, soon).toBeGreaterThan(0)
    isLost = false
    await hear()
  })

  test('of an ignore file that means something else now', async () => {
    const place = newPlace()
    place.write('.gitignore', '*.log\n')
    place.write('a.log')
    const { hear } = await listed(place)
    place.write('.gitignore', '*.tmp\n# longer\n')
    await hear()
  })

  test('nothing of what is ignored, and one script tells that nothing changed', async () => {
    const place = newPlace()
    place.write('.gitignore', '*.log\nbuild/\n')
    for (let d = 0; d < 100; d++) {
      place.write(`d${d}/f`)
      utimesSync(join(place.root, `d${d}`), 1_000_000, 1_000_000)
    }
    const { told, watch, hear, world } = await listed(place)
    place.write('a.log')
    place.write('build/x')
    place.write('d5/f', 'changed')
    const before = world.scripts
    watch.checkSoon()
    await expect.poll(() => world.scripts, soon).toBeGreaterThan(before)
    place.write('d7/g')
    await hear()
    expect(told).toEqual([])
  })
})
