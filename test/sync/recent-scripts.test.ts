/** What is recent, and its details: two that look at half of the directories each find what one finds, in dash and bash. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type DetailAnswer, type RecentAnswer, readRecent } from '../../src/sync/sandbox/answers.ts'
import {
  type RecentRequest,
  recentCall,
  recentFunction,
} from '../../src/sync/sandbox/recent-scripts.ts'
import { scanExits } from '../../src/sync/sandbox/scan-script.ts'
import { fitting, toldBytes, toldFiles } from '../../src/sync/sandbox/told-files.ts'

const recentScript = (request: RecentRequest) => `${recentFunction}\n${recentCall(request)}`

let folder: string
let root: string
let beside: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sbx-recent-'))
  root = join(folder, 'root')
  beside = join(folder, 'beside/look')
  mkdirSync(root)
  mkdirSync(join(folder, 'beside'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const put = (path: string) => {
  mkdirSync(join(root, path, '..'), { recursive: true })
  writeFileSync(join(root, path), path)
}

describe.each(['sh', 'bash'])('%s', (shell) => {
  const bytesOf = (request: Partial<RecentRequest>) =>
    execFileSync(shell, [
      '-c',
      recentScript({ root, since: 0, asked: [], sent: [], beside, halves: true, ...request }),
    ])
  const run = (halves: boolean, asked: readonly string[] = [], since = 0) =>
    bytesOf({ halves, asked, since }).toString()
  /** The lines of entries, after the moment and the mounts, and the details of them, but for contents. */
  const told = (output: string) => {
    const [, , ...words] = output.split('\0')
    const end = words.indexOf('')
    const details = words.slice(end + 1)
    const hasContents = /^\d+( \d+)*$/.test(details.at(-2) ?? '')
    return {
      lines: words.slice(0, end).sort(),
      details: hasContents ? details.slice(0, -2) : details,
    }
  }
  const linesOf = (output: string) => told(output).lines
  const pathOf = (line: string) => line.slice(line.indexOf(' .') + 1)

  test.each([
    ['nothing', []],
    ['files alone', ['a', '.b', 'c d']],
    ['one directory', ['d/e/f', 'top']],
    [
      'many, with odd names',
      [
        "it's/a",
        '-name/b',
        '.hidden/c',
        '..two/d/e',
        '* ?/f',
        'tab\there/g',
        '$(x)/h',
        'z/y/x',
        'q',
      ],
    ],
  ])('%s', (_, paths) => {
    for (const path of paths) put(path)
    symlinkSync('/etc', join(root, 'out'))
    symlinkSync('z', join(root, 'in'))
    const found = linesOf(run(true))
    expect(found).toEqual(linesOf(run(false)))
    expect(found.map(pathOf)).toEqual(
      expect.arrayContaining(['.', './out', './in', ...paths.map((path) => `./${path}`)]),
    )
    for (const halves of [true, false]) {
      const { details } = told(run(halves))
      const end = details.indexOf('')
      const inside = found.filter((line) => !line.endsWith(' .'))
      expect(details.slice(0, end).sort()).toEqual(inside)
      expect(details.slice(end + 1, -2).sort()).toEqual(['./in', './out', '/etc', 'z'])
      const digests = details.at(-1)?.split('\n').filter(Boolean)
      expect(digests?.map((line) => line.slice(66)).sort()).toEqual(
        paths.map((path) => `./${path}`).sort(),
      )
    }
  })

  describe.each([true, false])('halves: %s', (halves) => {
    const filesOf = (request: Partial<RecentRequest> = {}) => {
      const answer = readRecent(bytesOf({ halves, ...request }))
      const { lines = [], detail } = answer ?? {}
      const files = detail === undefined ? [] : [...toldFiles(lines, detail.told)]
      return files.map(
        ([path, file]) => [path, fitting(file, detail?.digests.get(path))?.content] as const,
      )
    }

    test('small files are told whole', () => {
      const contents = {
        "d/a'b $(x)": Buffer.from('\0\0a\n\0'),
        'e/* ?': Buffer.alloc(3_000, 7),
        empty: Buffer.alloc(0),
        'z/-n': Buffer.from('z'),
      }
      for (const [path, content] of Object.entries(contents)) {
        put(path)
        writeFileSync(join(root, path), content)
      }
      chmodSync(join(root, 'z/-n'), 0o751)
      utimesSync(join(root, 'z/-n'), 1_000, 1_000.5)
      symlinkSync('empty', join(root, 'link'))
      expect(Object.fromEntries(filesOf())).toEqual(contents)
      const { lines, detail } = readRecent(bytesOf({ halves })) as RecentAnswer & {
        detail: DetailAnswer
      }
      expect(toldFiles(lines, detail.told).get('z/-n')).toEqual({
        content: Buffer.from('z'),
        mode: 0o751,
        mtimeMs: 1_000_000,
      })
    })

    test('no more of them than are little together', () => {
      for (const path of ['a', 'b', 'c/d']) {
        put(path)
        writeFileSync(join(root, path), Buffer.alloc(toldBytes / 2, path))
      }
      put('e')
      writeFileSync(join(root, 'e'), Buffer.alloc(toldBytes + 1))
      const files = filesOf()
      expect(files.map(([, content]) => content?.length)).toEqual([toldBytes / 2, toldBytes / 2])
      expect(files.map(([path]) => path)).not.toContain('e')
    })

    test('what was sent is not told', () => {
      for (const path of ['d/a', 'd/ab', 'a', '* ?']) put(path)
      const paths = (sent: readonly string[]) => filesOf({ sent }).map(([path]) => path)
      expect(paths(['a', '* ?']).sort()).toEqual(['d/a', 'd/ab'])
      expect(paths(['d/a', '*']).sort()).toEqual(['* ?', 'a', 'd/ab'])
      expect(paths(['d/a', 'd/ab', 'a', '* ?'])).toEqual([])
    })
  })

  test.each([true, false])('what is asked for is told in any case (halves: %s)', (halves) => {
    put("a'b")
    const since = Date.now() / 1000 + 100
    expect(told(run(halves, ["a'b"], since))).toEqual({
      lines: [],
      details: ['', '', expect.stringMatching(/^[0-9a-f]{64} {2}\.\/a'b\n$/)],
    })
  })

  test.each([true, false])('of many there are no details (halves: %s)', (halves) => {
    for (let i = 0; i < 63; i++) put(`d${i % 3}/f${i}`)
    const { lines, details } = told(run(halves))
    expect(lines.length).toBe(67)
    expect(details).toEqual(['more'])
  })

  test.each([true, false])('a large file is not hashed by the way (halves: %s)', (halves) => {
    put('d/small')
    writeFileSync(join(root, 'd/large'), Buffer.alloc(1024 * 1024 + 1))
    expect(told(run(halves)).details.at(-1)).toMatch(/^[0-9a-f]{64} {2}\.\/d\/small\n$/)
  })

  test.each(
    ['d 0 -delete', 'f 0 --zero', 'f 0 /etc/passwd'].flatMap((line) => [
      [line, true] as const,
      [line, false] as const,
    ]),
  )('a name of several lines is no option: %s (halves: %s)', (line, halves) => {
    put('keep')
    mkdirSync(join(root, `x\n${line}`, '..'), { recursive: true })
    writeFileSync(join(root, `x\n${line}`), '')
    const script = recentScript({ root, since: 0, asked: [], sent: [], beside, halves })
    const { stdout } = spawnSync(shell, ['-c', script], { encoding: 'utf8' })
    expect(stdout).toContain(' ./keep\0')
    // Whoever reads it has all listed.
    expect(linesOf(stdout)).toContain('!')
    expect(readFileSync(join(root, 'keep'), 'utf8')).toBe('keep')
    expect(stdout).not.toMatch(/[0-9a-f]{64} {2}\/etc\/passwd/)
  })

  test.each(['file', 'd'])(
    'where %s goes away at the top meanwhile all has to be listed',
    (path) => {
      put('d/e')
      put('file')
      const programs = join(folder, 'programs')
      mkdirSync(programs)
      const find = `#!/bin/sh\nrm -rf ${join(root, path)}\nexec /usr/bin/find "$@"\n`
      writeFileSync(join(programs, 'find'), find, { mode: 0o755 })
      const script = recentScript({ root, since: 0, asked: [], sent: [], beside, halves: true })
      const env = { PATH: `${programs}:/usr/bin:/bin` }
      expect(spawnSync(shell, ['-c', script], { env }).status).toBe(scanExits.incomplete)
    },
  )

  test('what cannot be looked at by halves has to be listed', () => {
    put('d/e')
    rmSync(join(folder, 'beside'), { recursive: true })
    expect(() => run(true)).toThrow(/status|Command failed/)
  })

  test.skipIf(process.getuid?.() === 0)('a directory that is closed has to be listed', () => {
    put('d/e')
    put('f/g')
    chmodSync(join(root, 'f'), 0)
    expect(() => run(true)).toThrow(/Command failed/)
    chmodSync(join(root, 'f'), 0o700)
  })
})
