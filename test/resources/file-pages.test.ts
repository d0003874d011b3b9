import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type FilePage, listPage, pageLimits } from '../../src/resources/file-pages.ts'
import { parseWorkspaceUri } from '../../src/resources/workspace-uri.ts'
import { treePath } from '../../src/tree.ts'
import { HostWalk } from '../../src/trees/host-walk.ts'
import { newPlace, type Place } from './world.ts'

const never = new AbortController().signal
const soon = { timeout: 15_000, interval: 100 }

const page = ({ tree, sight }: Place, cursor?: string) => listPage(tree, sight, cursor, never)

async function allPages(place: Place): Promise<FilePage[]> {
  const pages = [await page(place)]
  for (let next = pages[0]?.nextCursor; next !== undefined; next = pages.at(-1)?.nextCursor) {
    pages.push(await page(place, next))
  }
  return pages
}

const namesOf = (pages: readonly FilePage[]) =>
  pages.flatMap(({ files }) => files.map((f) => f.name))
const allNames = async (place: Place) => namesOf(await allPages(place))

function gitNames({ root }: Place): string[] {
  const env = { PATH: process.env.PATH, HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' }
  const args = ['-c', 'safe.directory=*', 'ls-files', '-co', '--exclude-standard', '-z']
  const output = execFileSync('git', args, { cwd: root, env }).toString()
  return output.split('\0').filter(Boolean)
}

function gitInit({ root }: Place): void {
  execFileSync('git', ['init', '-q', '--template=', root])
  mkdirSync(join(root, '.git/info'), { recursive: true })
}

describe('what is listed', () => {
  test('what git would list, in its order, with nested ignore files and .git/info/exclude', async () => {
    const place = newPlace()
    gitInit(place)
    const files: Record<string, string> = {
      '.gitignore':
        '\ufeff# comment\n*.log\n/build/\nnode_modules\n!keep.log\n\\#odd\nspace\\ \ncr\r\n',
      '.git/info/exclude': 'excluded\n*.tmp\n',
      'keep.log': '',
      'a.log': '',
      '#odd': '',
      'space ': '',
      cr: '',
      excluded: '',
      'build/x': '',
      'sub/build/x': '',
      'node_modules/m/index.js': '',
      'sub/.gitignore': '!*.log\nsecret*\n!/deep/\n*.[oa]\n!x.tmp\n',
      'sub/b.log': '',
      'sub/x.tmp': '',
      'sub/y.tmp': '',
      'sub/lib.a': '',
      'sub/lib.b': '',
      'sub/secret.txt': '',
      'sub/deep/.gitignore': '**/gen/*.c\n!gen/main.c\ndocs/**/out\nlast/**\n',
      'sub/deep/gen/main.c': '',
      'sub/deep/gen/other.c': '',
      'sub/deep/x/gen/y.c': '',
      'sub/deep/docs/out': '',
      'sub/deep/docs/a/b/out': '',
      'sub/deep/docs/a/b/in': '',
      'sub/deep/last/z': '',
      'a/b': '',
      'a-b': '',
      'a.b': '',
      'Zoë/é.txt': '',
      '\u{1f600}': '',
      '\uffe0': '',
    }
    for (const [path, content] of Object.entries(files)) place.write(path, content)
    const names = await allNames(place)
    expect(names).toEqual(gitNames(place))
    expect(names).toContain('keep.log')
    expect(names).toContain('sub/b.log')
    expect(names).not.toContain('sub/secret.txt')
  })

  test('two stars after a plain beginning of a path cross directories, as in git', async () => {
    const place = newPlace()
    gitInit(place)
    place.write('.gitignore', '/a**/out\nb**.o\n*\n!*/\n!/k**\n')
    for (const path of ['a/out', 'ab/c/out', 'keep/x/y', 'ka', 'bc/d.o', 'c/ka']) {
      place.write(path, '')
    }
    expect(await allNames(place)).toEqual(['ka', 'keep/x/y'])
    expect(gitNames(place)).toEqual(['ka', 'keep/x/y'])
  })

  test('a line of an ignore file that is too long to be read whole means nothing', async () => {
    const place = newPlace()
    const comment = `#${' '.repeat(64 * 1024 - 10)}\n`
    place.write('.gitignore', `${comment}a\n*********b\nb\n`)
    for (const path of ['a', 'b', 'c']) place.write(path)
    expect(await allNames(place)).toEqual(['.gitignore', 'b', 'c'])
  })

  test('nested ignore files count up to a limit, the outermost first', async () => {
    const place = newPlace()
    const long = 'x\n'.repeat(30_000)
    for (let depth = 0; depth < 8; depth++) {
      const directory = 'd/'.repeat(depth)
      place.write(`${directory}.gitignore`, `/a\n${long}`)
      place.write(`${directory}a`)
    }
    const all = (await allNames(place)).filter((name) => name.endsWith('a'))
    // The fifth is read in part: what it says first counts.
    expect(all).toEqual(['d/d/d/d/d/a', 'd/d/d/d/d/d/a', 'd/d/d/d/d/d/d/a'])
  })

  test('any ignore files mean what git says they mean', async () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      'ab',
      '.c',
      '*',
      '?',
      '**',
      '[ab]',
      '[!a]',
      '[^b]',
      '[a-c]',
      '[]a]',
      '[a',
      '\\*',
      '\\a',
      '[[:alpha:]]',
      '[\\]]',
      'é',
      ' ',
      '\\ ',
      '-',
      '!',
      '#',
    )
    const segment = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.array(piece, { minLength: 1, maxLength: 3 }).map((x) => x.join('')),
      },
      { weight: 1, arbitrary: fc.constantFrom('**', '*') },
    )
    const line = fc
      .tuple(
        fc.constantFrom('', '', '!'),
        fc.constantFrom('', '', '/', '**/'),
        fc.array(segment, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('', '', '/', '/**', ' ', '\r'),
      )
      .map(([negation, start, segments, end]) => negation + start + segments.join('/') + end)
    const ignoreFile = fc.array(line, { maxLength: 5 }).map((lines) => lines.join('\n'))
    const name = fc.constantFrom(
      'a',
      'b',
      'ab',
      'ba',
      'a.c',
      'c',
      '*',
      ']',
      '-',
      'é',
      'a ',
      '!a',
      '#b',
    )
    const directory = fc.array(fc.constantFrom('a', 'b', 'ab', 'é'), { maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(directory, name), { maxLength: 12, size: 'max' }),
        fc.array(fc.tuple(directory, ignoreFile), { minLength: 1, maxLength: 3 }),
        ignoreFile,
        async (files, ignoreFiles, exclude) => {
          const place = newPlace()
          gitInit(place)
          const put = (path: string, content: string) => {
            try {
              place.write(path, content)
            } catch {
              // A generated file is where a directory would be.
            }
          }
          for (const [at, content] of ignoreFiles) put([...at, '.gitignore'].join('/'), content)
          for (const [at, last] of files) put([...at, last].join('/'), '')
          put('.git/info/exclude', exclude)
          expect(await allNames(place)).toEqual(gitNames(place))
          rmSync(place.root, { recursive: true })
        },
      ),
      { numRuns: 40 },
    )
  })

  test('links to files inside, and none that lead out, nowhere, to a directory or in a circle', async () => {
    const place = newPlace()
    place.write('real/file', 'x')
    const links: Record<string, string> = {
      inside: 'real/file',
      absolute: '/workspace/real/file',
      out: '../ws-evil/secret',
      outDirectory: '../ws-evil',
      nowhere: 'none',
      directory: 'real',
      circle: 'circle',
      up: '.',
    }
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(place.root, name))
    const names = await allNames(place)
    expect(names).toEqual(['absolute', 'inside', 'real/file'])
  })

  test('no .git at any depth, no temporary file of ours, no name that is not UTF-8', async () => {
    const place = newPlace()
    place.write('sub/.git/config')
    place.write(`.sbx-${'0'.repeat(32)}`)
    place.write('x')
    writeFileSync(Buffer.concat([Buffer.from(`${place.root}/`), Buffer.from([0xff])]), '')
    expect(await allNames(place)).toEqual(['x'])
  })

  test('what a listing tells of a file', async () => {
    const place = newPlace()
    place.write('src/a b.ts', 'hello')
    expect((await page(place)).files).toEqual([
      {
        uri: 'workspace:///src/a%20b.ts',
        name: 'src/a b.ts',
        mimeType: 'text/x-typescript',
        size: 5,
        annotations: { lastModified: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) },
      },
    ])
  })
})

describe('pages', () => {
  test('put together are one sorted listing, whatever the tree', async () => {
    const name = fc.constantFrom('a', 'a.b', 'a-', 'b', 'B', 'é', '\u{1f600}', '\uffe0', '0', 'zz')
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(name, { minLength: 1, maxLength: 4 }), { maxLength: 40, size: 'max' }),
        fc.integer({ min: 1, max: 7 }),
        async (paths, size) => {
          const place = newPlace()
          const written = new Set<string>()
          for (const parts of paths) {
            try {
              place.write(parts.join('/'))
              written.add(parts.join('/'))
            } catch {
              // A generated file is where a directory would be.
            }
          }
          const limits = { ...pageLimits }
          Object.assign(pageLimits, { files: size, directories: size })
          try {
            const pages = await allPages(place)
            const bytes = (path: string) => Buffer.from(path)
            const sorted = [...written].sort((a, b) => Buffer.compare(bytes(a), bytes(b)))
            expect(namesOf(pages)).toEqual(sorted)
            for (const { files } of pages) expect(files.length).toBeLessThanOrEqual(size)
            const uris = pages.flatMap(({ files }) => files.map(({ uri }) => uri))
            expect(uris.map(parseWorkspaceUri)).toEqual(sorted)
          } finally {
            Object.assign(pageLimits, limits)
            rmSync(place.root, { recursive: true })
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  test('look at no more of a large directory than they list', async () => {
    const place = newPlace()
    for (let i = 0; i < 5_000; i++) place.write(`d/f${i}`)
    const all = await place.sight.names(treePath('d'))
    let looks = 0
    const counted = new Proxy(all, {
      get(names, key, own) {
        if (typeof key === 'string' && /^\d+$/.test(key)) looks += 1
        return Reflect.get(names, key, own)
      },
    })
    const names = place.sight.names.bind(place.sight)
    place.sight.names = async (path, ...rest) => (path === 'd' ? counted : names(path, ...rest))
    const cursor = Buffer.from('at:d/f49').toString('base64url')
    const { files } = await page(place, cursor)
    expect(files[0]?.name).toBe('d/f49')
    expect(files).toHaveLength(pageLimits.files)
    expect(looks).toBeLessThan(3 * pageLimits.files)
  })

  test('go on where the last one ended, when that is gone or there is more before it', async () => {
    const place = newPlace()
    const count = pageLimits.files + 10
    for (let i = 0; i < count; i++) place.write(`d/f${String(i).padStart(4, '0')}`)
    const first = await page(place)
    expect(first.files).toHaveLength(pageLimits.files)
    unlinkSync(join(place.root, `d/f${String(pageLimits.files).padStart(4, '0')}`))
    place.write('a')
    place.write('d/f0000a')
    const second = await page(place, first.nextCursor)
    expect(second.files.map((file) => file.name)).toEqual(
      Array.from(
        { length: 9 },
        (_, i) => `d/f${String(pageLimits.files + 1 + i).padStart(4, '0')}`,
      ),
    )
    expect(second.nextCursor).toBeUndefined()
    rmSync(join(place.root, 'd'), { recursive: true })
    place.write('d')
    expect((await page(place, first.nextCursor)).files).toEqual([])
  })

  test('of a workspace of empty directories end, and get on', async () => {
    const place = newPlace()
    const count = pageLimits.directories * 2 + 5
    for (let i = 0; i < count; i++) mkdirSync(join(place.root, `d${i}`))
    place.write('e')
    const pages = await allPages(place)
    expect(namesOf(pages)).toEqual(['e'])
    expect(pages).toHaveLength(3)
  })

  const cursor = (text: string) => Buffer.from(text).toString('base64url')
  test.each(
    Object.entries({
      empty: '',
      short: 'x',
      'not base64': '!!',
      'without its mark': cursor('a.txt'),
      'at nothing': cursor('at:'),
      'climbing out': cursor('at:../x'),
      absolute: cursor('at:/etc'),
      'not normal': cursor('at:a//b'),
      'with NUL': cursor('at:a\0'),
      'not UTF-8': Buffer.from('at:\xff', 'latin1').toString('base64url'),
      padded: `${cursor('at:abc')}=`,
      long: cursor(`at:${'../'.repeat(10_000)}`),
    }),
  )('are not begun by a cursor that is %s', async (_, bad) => {
    await expect(page(newPlace(), bad)).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
      message: 'the cursor is not one that this server gave',
    })
  })

  test('end when the client no longer wants them', async () => {
    const place = newPlace()
    for (let i = 0; i < 3_000; i++)
      mkdirSync(join(place.root, `d${i % 30}/e${i}`), { recursive: true })
    const gone = AbortSignal.abort(new Error('gone'))
    const limits = { ...pageLimits }
    Object.assign(pageLimits, { directories: 1e9 })
    try {
      await expect(listPage(place.tree, place.sight, undefined, gone)).rejects.toThrow('gone')
    } finally {
      Object.assign(pageLimits, limits)
    }
  })
})

describe('20,000 files', { timeout: 120_000 }, () => {
  test('are listed a page at a time, and others get their turn', async () => {
    const place = newPlace()
    for (let d = 0; d < 200; d++) {
      mkdirSync(join(place.root, `d${d}`))
      for (let f = 0; f < 100; f++) writeFileSync(join(place.root, `d${d}/f${f}`), '')
    }
    place.write('node_modules/x')
    const entered: string[] = []
    const names = place.sight.names.bind(place.sight)
    place.sight.names = (path) => {
      entered.push(path)
      return names(path)
    }
    const began = performance.now()
    const first = await page(place)
    const tookMs = performance.now() - began
    // The root, two directories with files, and the one in which the next page begins.
    expect(entered).toEqual(['', 'd0', 'd1', 'd10'])
    entered.length = 0
    const second = await page(place, first.nextCursor)
    expect(entered).toEqual(['', 'd10', 'd100', 'd101'])
    expect(second.files).toHaveLength(pageLimits.files)
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    expect((await allNames(place)).length).toBe(20_001)
    delay.disable()
    process.stderr.write(
      `first of 20,000: ${tookMs.toFixed(1)} ms; longest turn ${(delay.max / 1e6).toFixed(1)} ms\n`,
    )
    expect(tookMs).toBeLessThan(3_000)
  })

  test('in one directory are sorted once, not once a page', async () => {
    const place = newPlace()
    for (let f = 0; f < 20_000; f++) writeFileSync(join(place.root, `f${f}`), '')
    const began = performance.now()
    const first = await page(place)
    const tookMs = performance.now() - began
    process.stderr.write(`first of 20,000 in one directory: ${tookMs.toFixed(1)} ms\n`)
    expect(first.files).toHaveLength(pageLimits.files)
    // A directory that changed just now may change again unseen, and is not kept.
    const seen = new Set<unknown>()
    const isKept = async () => {
      const names = (await page(place)).directories[0]?.names
      return seen.size < seen.add(names).size ? 'sorted again' : 'kept'
    }
    await expect.poll(isKept, soon).toBe('kept')
    place.write('a')
    expect((await page(place)).files[0]?.name).toBe('a')
  })

  test('and an ignore file made to be slow hold nobody up for long', async () => {
    const place = newPlace()
    const stars = '*a'.repeat(100)
    const deep = '**/*a/'.repeat(50)
    place.write('.gitignore', [`${stars}b`, `/${stars}/x`, `${deep}x`, '[a'.repeat(500)].join('\n'))
    const name = 'a'.repeat(250)
    for (let f = 0; f < 100; f++) place.write(`${name}/${name}/${name.slice(3)}${f}`)
    const began = performance.now()
    expect((await page(place)).files).toHaveLength(101)
    expect(performance.now() - began).toBeLessThan(2_000)
  })
})

describe('what a deep tree costs', () => {
  const depth = 100

  function deepPlace(): Place {
    const place = newPlace()
    for (let level = 1; level <= depth; level++) {
      place.write(`${'d/'.repeat(level)}f`)
      place.write(`${'d/'.repeat(level)}.gitignore`, '*.o\n')
    }
    return place
  }

  test('a page goes into each directory on the way once', async () => {
    const place = deepPlace()
    const entered = vi.spyOn(HostWalk.prototype, 'enter')
    onTestFinished(() => entered.mockRestore())
    const { files } = await page(place)
    expect(files).toHaveLength(2 * depth)
    // Once for `.git/info`, which is not there, and the way down; what is on the way back is held.
    expect(entered.mock.calls.length).toBeLessThan(2 * depth)
  })

  test('so does a look at all that was listed', async () => {
    const place = deepPlace()
    const { directories } = await page(place)
    const paths = directories.map(({ path }) => path)
    const entered = vi.spyOn(HostWalk.prototype, 'enter')
    onTestFinished(() => entered.mockRestore())
    const watch = place.sight.watch('listing', () => {}, { pollMs: 50, hintMs: 2 ** 30 })
    onTestFinished(() => watch.close())
    await Promise.all(paths.map((path) => watch.add(path)))
    expect(entered.mock.calls.length).toBeLessThan(2 * depth)
    entered.mockClear()
    await expect.poll(() => entered.mock.calls.length, soon).toBeGreaterThanOrEqual(depth)
    watch.close()
    expect(entered.mock.calls.length).toBeLessThan(4 * depth)
  })
})
