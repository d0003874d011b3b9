/** What is opened at a path that was real: what is there, and never what a link leads to. */
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { canPin, openReal, pathOf, statReal } from '../src/real-paths.ts'

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-real-')))
  mkdirSync(join(root, 'a/b'), { recursive: true })
  writeFileSync(join(root, 'a/b/file'), 'here')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** Moves it away, and puts a link to where it is now in its place. */
function replace(name: string): void {
  renameSync(join(root, name), join(root, 'moved'))
  symlinkSync(join(root, 'moved'), join(root, name))
}

describe('a real path', () => {
  test('of a file or a directory is looked at', () => {
    expect(statReal(join(root, 'a/b/file')).size).toBe(4)
    expect(statReal(join(root, 'a/b')).isDirectory()).toBe(true)
    expect(statReal('/').isDirectory()).toBe(true)
  })

  test.each(['a', 'a/b', 'a/b/file'])('with a link at %s is there no more', (name) => {
    replace(name)
    expect(() => statReal(join(root, 'a/b/file'))).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    )
  })

  test('of nothing, and through a file, is there no more', () => {
    for (const name of ['a/c', 'a/b/file/x']) {
      expect(() => statReal(join(root, name))).toThrow(/ENOENT|ENOTDIR|no more/)
    }
  })
})

describe.runIf(canPin)('an opened one', () => {
  test('is what is there', () => {
    const descriptor = openReal(join(root, 'a/b/file'), constants.O_RDONLY)
    try {
      expect(readFileSync(pathOf(descriptor), 'utf8')).toBe('here')
    } finally {
      closeSync(descriptor)
    }
  })

  test('may be spelled otherwise by the system', () => {
    // As where case does not count: the spelling differs, and no link is on the way.
    const descriptor = openReal(join(root, 'a/./b//file'), constants.O_RDONLY)
    closeSync(descriptor)
  })

  test('is not held on where a link leads so deep that the way is too long to be told', () => {
    // Longer than any path may be: one link leads half of it, another the rest.
    const [name, half] = ['n'.repeat(200), Array(15).fill('n'.repeat(200)).join('/')]
    mkdirSync(join(root, 'deep', half), { recursive: true })
    symlinkSync(join('deep', half), join(root, 'half'))
    mkdirSync(join(root, 'half', half), { recursive: true })
    replace('a')
    rmSync(join(root, 'a'))
    symlinkSync(join('half', half, '..'), join(root, 'a'))
    const held = () => readdirSync('/proc/self/fd').length
    const before = held()
    expect(() => openReal(join(root, 'a', name), constants.O_RDONLY)).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    )
    expect(held()).toBe(before)
    // What removes it takes it by its whole path.
    renameSync(join(root, 'half', name), join(root, 'rest'))
  })

  test.each(['a', 'a/b', 'a/b/file'])('is not opened through a link at %s', (name) => {
    replace(name)
    expect(() => openReal(join(root, 'a/b/file'), constants.O_RDONLY)).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    )
    expect(() => openReal(join(root, 'a//b/file'), constants.O_RDONLY)).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    )
  })
})
