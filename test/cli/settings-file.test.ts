/** Settings as they are read from the machine's files. */
import { execFileSync, spawn } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readSettings } from '../../src/cli/settings-file.ts'

let top: string
let directory: string
const at = (name: string) => join(directory, name)

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'settings-'))
  directory = join(top, 'settings')
  mkdirSync(directory)
})
afterEach(() => rmSync(top, { recursive: true, force: true }))

const included = (name: string, ...more: string[]) => readSettings(at(name), [directory, ...more])

test('an included file is in one of the directories, after all links', () => {
  writeFileSync(join(top, 'other'), 'other')
  writeFileSync(at('own'), 'own')
  symlinkSync('own', at('near'))
  symlinkSync('../other', at('far'))
  mkdirSync(join(top, 'elsewhere'))
  writeFileSync(join(top, 'elsewhere', 'a'), 'elsewhere')
  symlinkSync('../elsewhere', at('directory'))
  expect(['own', 'near'].map((name) => included(name))).toEqual(['own', 'own'])
  expect(() => included('far')).toThrow(`it leads to "${join(top, 'other')}", outside of`)
  expect(() => included('directory/a')).toThrow('name its directory in OPENCLAW_INCLUDE_ROOTS')
  expect(included('far', join(top, 'gone'), top)).toBe('other')
  expect(readSettings(at('far'))).toBe('other')
})

test('an included file may be reached by a link that its directory is behind', () => {
  writeFileSync(at('own'), 'own')
  symlinkSync('settings', join(top, 'link'))
  expect(readSettings(join(top, 'link', 'own'), [join(top, 'link')])).toBe('own')
})

test('an included file that others can change under another name, or that is none, is not read', () => {
  writeFileSync(join(top, 'other'), 'x')
  linkSync(join(top, 'other'), at('hard'))
  execFileSync('mkfifo', [at('pipe')])
  expect(() => included('hard')).toThrow('it is a hard link')
  expect(() => included('pipe')).toThrow('it is no plain file')
  expect(() => included('.')).toThrow('it is no plain file')
  expect(included('gone')).toBeUndefined()
})

test('more than settings are is not read', () => {
  writeFileSync(at('large'), 'x'.repeat(2 * 1024 ** 2 + 1))
  expect(() => included('large')).toThrow('it has more than 2 MiB')
  expect(() => readSettings(at('large'))).toThrow('it has more than 2 MiB')
  expect(() => readSettings('/dev/zero')).toThrow('it has more than 2 MiB')
  writeFileSync(at('large'), 'x'.repeat(2 * 1024 ** 2))
  expect(readSettings(at('large'))).toHaveLength(2 * 1024 ** 2)
})

test('a pipe is read to its end, as often as it is asked for, and not waited for without end', async () => {
  execFileSync('mkfifo', [at('pipe'), at('silent')])
  expect(() => readSettings(at('silent'), undefined, 50)).toThrow('nothing came from it for 0.05 s')
  const writer = spawn('sh', ['-c', '{ echo 1; sleep 0.3; echo 2; } > "$0"', at('pipe')])
  const ended = new Promise((resolve) => writer.once('exit', resolve))
  expect(readSettings(at('pipe'))).toBe('1\n2\n')
  await ended
  expect(readSettings(at('pipe'))).toBe('1\n2\n')
})

test('what is not UTF-8 is not read, as letters of it would be lost', () => {
  writeFileSync(at('latin'), Buffer.from('caf\xe9', 'latin1'))
  expect(() => readSettings(at('latin'))).toThrow('it is not in UTF-8')
})
