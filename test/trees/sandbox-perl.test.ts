/** Files inside by the attendant that is perl: the tree's contract, and what it leaves to the scripts. */
import { execFile } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Shortcut } from '../../src/scripts/script.ts'
import { type Change, digestOf, treePath } from '../../src/tree.ts'
import { lockName } from '../../src/trees/sandbox-lock-script.ts'
import { replaceShortcut } from '../../src/trees/sandbox-shortcuts.ts'
import { SandboxTree } from '../../src/trees/sandbox-tree.ts'
import { treeShortcuts } from '../../src/trees/sandbox-tree-perl.ts'
import { increment } from '../contract/increment.ts'
import { describeTree } from '../contract/tree.ts'
import { change, text, was } from '../contract/tree-changes.ts'
import { askShortcut } from '../support/ask-shortcut.ts'
import { declined, hasPerl, type PerlAttendant, perlAttendant } from '../support/perl-attendant.ts'
import { describeHostilePaths } from './hostile-paths.ts'

const sh = promisify(execFile)
const newRoot = () => realpathSync(mkdtempSync(join(tmpdir(), 'sbx-perl-')))

// Elsewhere a machine without it leaves these tests out, and says so.
test.runIf(process.env.CI)('all of perl is here, so that this is tested', () => {
  expect(hasPerl).toBe(true)
})

describe.runIf(hasPerl)('by perl', () => {
  let attendants: readonly PerlAttendant[]
  let perl: PerlAttendant
  beforeAll(async () => {
    attendants = await Promise.all([perlAttendant(), perlAttendant()])
    perl = attendants[0] as PerlAttendant
  })
  afterAll(async () => {
    for (const attendant of attendants) await attendant.close()
  })

  describeTree('SandboxTree by perl', async () => {
    const root = newRoot()
    const [own, other] = attendants.map(({ run }) => new SandboxTree(run, { root }))
    return {
      tree: own as SandboxTree,
      sh: async (script) => (await sh('/bin/sh', ['-c', script], { cwd: root })).stdout,
      incrementElsewhere: (file, times) => increment(other as SandboxTree, file, times),
      close: async () => rmSync(root, { recursive: true }),
    }
  })
  describeHostilePaths(
    'SandboxTree by perl',
    (root) => new SandboxTree((...script) => perl.run(...script), { root }),
  )

  describe('a shortcut', () => {
    let root: string
    let tree: SandboxTree
    beforeEach(() => {
      root = newRoot()
      tree = new SandboxTree(perl.shortcutOnly, { root })
    })
    afterEach(() => rmSync(root, { recursive: true }))
    const at = (name: string) => join(root, name)
    const left = async () =>
      (await sh('find', [root, '-mindepth', '1', '-printf', '%P '])).stdout.trim().split(' ').sort()

    test('does what is ordinary', async () => {
      mkdirSync(at('d/e'), { recursive: true })
      writeFileSync(at('d/e/f'), 'old', { mode: 0o640 })
      utimesSync(at('d/e/f'), 1, 1.25)
      expect(await tree.stat(treePath('d/e/f'))).toEqual({
        kind: 'file',
        size: 3,
        modifiedMs: 1250,
        executable: false,
      })
      expect((await tree.stat(treePath('d'))).kind).toBe('directory')
      expect((await tree.stat(treePath(''))).kind).toBe('directory')
      symlinkSync('to\nit', at('d/ä\nb'))
      expect(await tree.list(treePath('d'))).toEqual([
        { name: 'e', kind: 'directory', size: 0, modifiedMs: expect.any(Number) },
        { name: 'ä\nb', kind: 'link', size: 0, modifiedMs: expect.any(Number), target: 'to\nit' },
      ])
      rmSync(at('d/ä\nb'))
      expect(await text(tree, 'd/e/f')).toBe('old')
      const range = { offset: 1, length: 1 }
      expect((await tree.read(treePath('d/e/f'), range)).bytes.toString()).toBe('l')

      await tree.apply([change('d/e/f', was('old'), 'new')])
      await tree.apply([change('d/new', 'absent', 'x')])
      expect(await tree.replace(treePath('d/e/f'), Buffer.from('new'))).toBe('same')
      expect(await tree.replace(treePath('d/e/f'), Buffer.from('next'))).toBe('other')
      expect(await tree.replace(treePath('made'), Buffer.from('m'))).toBe('absent')
      expect(readFileSync(at('d/e/f'), 'utf8')).toBe('next')
      expect(statSync(at('d/e/f')).mode & 0o777).toBe(0o640)
      expect(await left()).toEqual(['d', 'd/e', 'd/e/f', 'd/new', 'made'])
    })

    test('makes the directories of a new file, with the rights of new ones', async () => {
      mkdirSync(at('d'))
      expect(await tree.replace(treePath('d/e/f/new'), Buffer.from('x'))).toBe('absent')
      await tree.apply([change('g/new', 'absent', 'y')])
      expect(readFileSync(at('d/e/f/new'), 'utf8') + readFileSync(at('g/new'), 'utf8')).toBe('xy')
      expect(statSync(at('d/e')).mode & 0o777).toBe(0o777 & ~process.umask())
      expect(await left()).toEqual(['d', 'd/e', 'd/e/f', 'd/e/f/new', 'g', 'g/new'])
    })

    const writes: Readonly<Record<string, () => Promise<unknown>>> = {
      'content in a directory that is not there': () => tree.apply([change('no/f', was('f'), 'x')]),
      'a directory where a file is': () => tree.replace(treePath('f/no/g'), Buffer.from('x')),
      'a directory': () => tree.replace(treePath('d'), Buffer.from('x')),
      'a link': () => tree.replace(treePath('link'), Buffer.from('x')),
      'a way over a link': () => tree.replace(treePath('up/f'), Buffer.from('x')),
      'another content': () => tree.apply([change('f', was('other'), 'x')]),
      'a file that should not be': () => tree.apply([change('f', 'absent', 'x')]),
      'no file where one should be': () => tree.apply([change('g', was(''), 'x')]),
      'a deletion': () => tree.apply([{ path: treePath('f'), before: was('f'), after: 'absent' }]),
      'two changes': () => tree.apply([change('f', was('f'), 'x'), change('d/f', 'absent', 'x')]),
    }
    for (const [what, write] of Object.entries(writes)) {
      test(`leaves ${what} to the script, and nothing behind`, async () => {
        mkdirSync(at('d'))
        writeFileSync(at('f'), 'f')
        symlinkSync('f', at('link'))
        symlinkSync('.', at('up'))
        const before = await left()
        await expect(write()).rejects.toThrow(`ended with ${declined}`)
        expect(await left()).toEqual(before)
        expect(readFileSync(at('f'), 'utf8')).toBe('f')
        expect(existsSync(`/tmp/${lockName(root, '')}`)).toBe(false)
      })
    }

    test('waits for nobody: the script does, and tells who is in the way', async () => {
      const lock = `/tmp/${lockName(root, '')}`
      writeFileSync(lock, 'somebody\n')
      writeFileSync(at('f'), 'f')
      await expect(tree.replace(treePath('f'), Buffer.from('x'))).rejects.toThrow(
        `ended with ${declined}`,
      )
      expect([readFileSync(lock, 'utf8'), await left()]).toEqual(['somebody\n', ['f']])
      rmSync(lock)
    })

    test('reads no link, no directory, nothing that waits for a writer', async () => {
      mkdirSync(at('d'))
      writeFileSync(at('f'), 'f')
      symlinkSync('f', at('link'))
      await sh('mkfifo', [at('fifo')])
      for (const name of ['link', 'd', 'fifo', 'none', 'f/', '../x']) {
        await expect(tree.read(name as never)).rejects.toThrow(`ended with ${declined}`)
      }
      await expect(tree.stat(treePath('link'))).rejects.toThrow(`ended with ${declined}`)
      expect(await text(tree, 'f')).toBe('f')
      // Files of the kernel say that they have no bytes.
      const all = new SandboxTree(perl.shortcutOnly, { root: '/' })
      await expect(all.read(treePath('proc/version'))).rejects.toThrow(`ended with ${declined}`)
    })

    test('takes all bytes, and none for one', async () => {
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 256))
      await tree.apply([{ path: treePath('f'), before: 'absent', after: { bytes } }])
      expect(digestOf((await tree.read(treePath('f'))).bytes)).toBe(digestOf(bytes))
      const name = treePath("ä'\u0001\n$x")
      await tree.replace(name, Buffer.from(''))
      expect((await tree.stat(name)).size).toBe(0)
    })

    test('declines where its directory or its file is another one when its turn comes', async () => {
      const replaced = (name: string, before: Change['before'], meanwhile: string) =>
        // It asks whether it is over before it takes its turn, and when it is about to rename.
        askShortcut(
          treeShortcuts,
          replaceShortcut(root, [change(name, before, 'new')]) as Shortcut,
          {
            stdin: 'new',
            more: `my $asked; sub over { $asked++ or do { ${meanwhile} }; 0 }`,
          },
        )
      const write = (name: string) => `open my $f, '>', '${at(name)}'; print $f 'other'; close $f`
      const cases: readonly [string, Change['before'], string, string][] = [
        ['d/f', was('old'), '', ''],
        ['d/f', was('old'), `rename '${at('d')}', '${at('e')}'; mkdir '${at('d')}'`, 'declined'],
        [
          'd/f',
          was('old'),
          `rename '${at('d')}', '${at('e')}'; symlink 'e', '${at('d')}'`,
          'declined',
        ],
        ['d/f', was('old'), write('d/f'), 'declined'],
        ['d/f', was('old'), `unlink '${at('d/f')}'`, 'declined'],
        ['d/f', 'anything', `unlink '${at('d/f')}'; symlink 'g', '${at('d/f')}'`, 'declined'],
        ['d/f', 'anything', write('d/f'), ''],
        ['d/f', was('old'), `chmod 0755, '${at('d/f')}'`, 'declined'],
        ['d/f', 'anything', `chmod 0755, '${at('d/f')}'`, 'declined'],
        ['d/g', 'absent', write('d/g'), 'declined'],
        ['d/g', 'anything', write('d/g'), 'declined'],
        ['d/g', 'anything', '', ''],
        ['n/m/g', 'anything', '', ''],
        ['n/m/g', 'absent', 'return 1', 'declined'],
        ['n/m/g', 'absent', write('n/m/g'), 'declined'],
        ['n/m/g', 'absent', `rename '${at('n')}', '${at('o')}'; mkdir '${at('n')}'`, 'declined'],
      ]
      for (const [name, before, happens, said] of cases) {
        rmSync(root, { recursive: true })
        mkdirSync(at('d'), { recursive: true })
        writeFileSync(at('d/f'), 'old')
        expect([name, happens, await replaced(name, before, happens)]).toEqual([
          name,
          happens,
          said,
        ])
        expect((await left()).filter((entry) => entry.includes('.sbx-'))).toEqual([])
        if (happens === 'return 1') expect(existsSync(at('n'))).toBe(false)
        expect(existsSync(`/tmp/${lockName(root, '')}`)).toBe(false)
      }
    })

    test('gives a new file that can be run the rights of a new file', async () => {
      const after = { bytes: Buffer.from('#!/bin/sh\n'), executable: true }
      await tree.apply([{ path: treePath('run'), before: 'absent', after }])
      expect(statSync(at('run')).mode & 0o777).toBe(0o777 & ~process.umask())
      chmodSync(at('run'), 0o6710)
      await tree.replace(treePath('run'), Buffer.from('x'))
      expect(statSync(at('run')).mode & 0o7777).toBe(0o710)
    })
  })
})
