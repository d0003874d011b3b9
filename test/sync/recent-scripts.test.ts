/** Two that look at half of the directories each find what one finds, in dash and bash. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { recentScript } from '../../src/sync/recent-scripts.ts'

let folder: string
let root: string
let beside: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sbx-recent-'))
  root = join(folder, 'root')
  beside = join(folder, 'beside')
  mkdirSync(root)
  mkdirSync(beside)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const put = (path: string) => {
  mkdirSync(join(root, path, '..'), { recursive: true })
  writeFileSync(join(root, path), path)
}

describe.each(['sh', 'bash'])('%s', (shell) => {
  const run = (halves: boolean) =>
    execFileSync(shell, ['-c', recentScript(root, 0, [], halves ? beside : undefined)], {
      encoding: 'utf8',
    })
  /** The lines of entries, after the moment and the mounts. */
  const linesOf = (output: string) => {
    const [, , ...lines] = output.split('\0')
    expect(lines.pop()).toBe('')
    return lines.sort()
  }

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
    expect(found.map((line) => line.slice(line.indexOf(' .') + 1))).toEqual(
      expect.arrayContaining(['.', './out', './in', ...paths.map((path) => `./${path}`)]),
    )
    expect(execFileSync('ls', ['-A', beside], { encoding: 'utf8' })).toBe('')
  })

  test('what cannot be looked at by halves has to be listed', () => {
    put('d/e')
    rmSync(beside, { recursive: true })
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
