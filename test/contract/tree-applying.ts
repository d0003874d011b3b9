/** Cases of `describeTree` about changes that are made. */
import { expect } from 'vitest'
import { treePath } from '../../src/tree.ts'
import type { OpenTree, TreeCase } from './tree.ts'
import { change, create, text, was } from './tree-changes.ts'

const modes = async ({ sh }: OpenTree, ...paths: string[]) =>
  (await sh(`stat -c %a ${paths.join(' ')}`)).trim().split('\n')

export const applying: Readonly<Record<string, TreeCase>> = {
  'missing parents are made': async (opened) => {
    await create(opened.tree, 'a/b/c/f', 'x')
    expect(await text(opened.tree, 'a/b/c/f')).toBe('x')
    const fresh = (await opened.sh('mkdir made; stat -c "%a %u" made')).trim()
    expect((await opened.sh('stat -c "%a" a a/b')).trim().split('\n')).toEqual(
      Array(2).fill(fresh.split(' ')[0]),
    )
  },

  'a new file has the mode that the umask gives, executable if asked': async (opened) => {
    const bytes = Buffer.from('x')
    await opened.tree.apply([
      { path: treePath('plain'), before: 'absent', after: { bytes } },
      { path: treePath('tool'), before: 'absent', after: { bytes, executable: true } },
      { path: treePath('any'), before: 'anything', after: { bytes, executable: true } },
    ])
    await opened.sh('printf x > p; printf x > t; chmod +x t')
    const [p, t] = await modes(opened, 'p', 't')
    expect(await modes(opened, 'plain', 'tool', 'any')).toEqual([p, t, t])
    expect((await opened.tree.stat(treePath('tool'))).executable).toBe(true)
  },

  'a file that exists keeps its mode and owner': async (opened) => {
    const { tree, sh } = opened
    await sh(`for m in 600 640 664 755 700; do printf old > f$m; chmod $m f$m; done
      # Root without capabilities may not.
      [ "$(id -u)" != 0 ] || chown 4321:1234 f* 2>/dev/null || :`)
    const before = await sh('stat -c "%a %u %g" f*')
    for (const mode of [600, 640, 664, 755, 700]) {
      await tree.apply([change(`f${mode}`, was('old'), 'new')])
      expect(await text(tree, `f${mode}`)).toBe('new')
    }
    expect(await sh('stat -c "%a %u %g" f*')).toBe(before)
  },

  'through a link its file is written, and the link stays': async ({ tree, sh }) => {
    await sh(`mkdir d e; printf old > d/f; ln -s d/f l; ln -s d to-d; ln -s d/new dangling
      ln -s "$PWD/e/g" absolute; ln -s none/h deep`)
    await tree.apply([change('l', was('old'), 'one'), change('to-d/g', 'absent', 'two')])
    await tree.apply([change('dangling', 'absent', 'three'), change('absolute', 'absent', 'four')])
    await create(tree, 'deep', 'five')
    expect(await sh('cat d/f d/g d/new e/g none/h')).toBe('onetwothreefourfive')
    expect(await sh('readlink l; readlink to-d; readlink dangling; readlink deep')).toBe(
      'd/f\nd\nd/new\nnone/h\n',
    )
  },

  'replacing tells what was there, and leaves what is the same': async (opened) => {
    const { tree, sh } = opened
    await sh(`printf same > f; chmod 640 f; touch -d '2001-02-03 04:05:06' f; ln -s f l; mkdir d`)
    const replace = (path: string, content: string | Uint8Array) =>
      tree.replace(treePath(path), Buffer.from(content))
    const facts = () => sh('ls -i f; stat -c "%a %Y" f')
    const before = await facts()
    expect(await replace('f', 'same')).toBe('same')
    expect(await replace('l', 'same')).toBe('same')
    expect(await facts()).toBe(before)
    expect(await replace('l', 'eman')).toBe('other')
    expect(await replace('f', 'longer')).toBe('other')
    expect(await text(tree, 'f')).toBe('longer')
    expect(await modes(opened, 'f')).toEqual(['640'])
    for (const path of ['new', 'a/b/new']) {
      expect(await replace(path, '')).toBe('absent')
      expect(await replace(path, '')).toBe('same')
      expect(await replace(path, '\0\n')).toBe('other')
      expect(await replace(path, '')).toBe('other')
    }
    const large = Buffer.alloc(2_500_000, 'large ')
    expect(await replace('f', large)).toBe('other')
    expect(await replace('f', large)).toBe('same')
    expect((await tree.read(treePath('f'))).bytes.equals(large)).toBe(true)
    await expect(replace('d', 'x')).rejects.toMatchObject({ code: 'NOT_A_FILE' })
    await sh('ln -s /etc/hostname out')
    await expect(replace('out', 'x')).rejects.toMatchObject({ code: 'PATH_OUTSIDE' })
    expect((await sh('ls -A; ls -A a/b')).split('\n').filter(Boolean).sort()).toEqual(
      ['a', 'd', 'f', 'l', 'new', 'new', 'out'].sort(),
    )
  },

  'a deleted file is gone, its neighbours are not': async ({ tree, sh }) => {
    await sh('mkdir d; printf a > d/a; printf b > d/b; printf c > c')
    await tree.apply([change('d/a', was('a'), null)])
    await tree.apply([change('c', 'anything', null), change('d/b', was('b'), 'B')])
    expect(await sh('find . -type f')).toBe('./d/b\n')
    expect(await sh('find . -name ".sbx*"')).toBe('')
  },

  'a deleted link is gone, what it leads to is not': async ({ tree, sh }) => {
    await sh('mkdir d; printf a > a; ln -s a file; ln -s d dir; ln -s none dangling')
    await tree.apply([change('file', was('a'), null), change('dir', 'anything', null)])
    await tree.apply([change('dangling', 'anything', null)])
    expect(await sh('ls -A')).toBe('a\nd\n')
  },

  'deleting what is not there is no failure unless it was relied on': async ({ tree, sh }) => {
    await sh('printf keep > f')
    await tree.apply([change('none', 'anything', null), change('none/f', 'absent', null)])
    await tree.apply([change('no/f', 'anything', null)])
    await expect(tree.apply([change('no/f', was('keep'), null)])).rejects.toMatchObject({
      code: 'FILE_STALE',
    })
    expect(await sh('cat f; ls -A')).toBe('keepf\n')
  },

  'many changes are made in one call': async ({ tree, sh }) => {
    const size = 300
    const long = 'a-rather-long-directory-name-to-outgrow-one-argument-of-a-process'
    const path = (i: number) => `${long}/${long}/${long}/${long}/d${i % 7}/f${i}`
    const content = (i: number) => 'x'.repeat(i)
    const numbers = Array.from({ length: size }, (_, i) => i)
    await tree.apply(numbers.map((i) => change(path(i), 'absent', content(i))))
    await tree.apply(
      numbers.map((i) =>
        i % 2 ? change(path(i), was(content(i)), null) : change(path(i), was(content(i)), `${i}`),
      ),
    )
    expect((await sh('find . -type f | wc -l')).trim()).toBe(String(size / 2))
    expect(await text(tree, path(298))).toBe('298')
    expect(await sh('find . -name ".sbx*"')).toBe('')
  },

  'no changes are nothing': async ({ tree, sh }) => {
    await tree.apply([])
    expect(await sh('ls -A')).toBe('')
  },

  'large files are told apart in one call': async ({ tree }) => {
    const files = [3_000_001, 1_048_576, 0, 5, 2_097_153].map((n) => Buffer.alloc(n, `${n}:`))
    await tree.apply(files.map((bytes, i) => change(`f${i}`, 'absent', bytes)))
    for (const [i, bytes] of files.entries()) {
      expect((await tree.read(treePath(`f${i}`))).bytes.equals(bytes)).toBe(true)
    }
  },
}
