/** Cases of `describeTree` about `stat`, `read` and `list`. */
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { treePath, treeRoot } from '../../src/tree.ts'
import type { TreeCase } from './tree.ts'
import { create, text } from './tree-changes.ts'

const oddNames = [
  'with space',
  'tab\there',
  "it's",
  'double"quote',
  '$(touch pwned)',
  '`touch pwned`',
  ';touch pwned;',
  '-n',
  '--',
  '-',
  'trailing.',
  'trailing ',
  '\\back\\slash',
  '~',
  '*',
  '#',
  'new\nline',
  'line\n',
  'naïve-日本語-🜚',
  '\u{ffff}',
  `${'n'.repeat(252)}.md`,
]

export const reading: Readonly<Record<string, TreeCase>> = {
  'every byte comes back as it was written': async ({ tree }) => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    for (const bytes of [Buffer.alloc(0), all, Buffer.from('\n\n'), randomBytes(8 * 1024 * 1024)]) {
      const path = treePath(`f${bytes.length}`)
      await create(tree, path, bytes)
      const content = await tree.read(path)
      expect(content.bytes.equals(bytes)).toBe(true)
      expect(content.size).toBe(bytes.length)
    }
  },

  'a range is cut at the end of the file, and is empty beyond it': async ({ tree }) => {
    const bytes = randomBytes(200_000)
    await create(tree, 'f', bytes)
    const path = treePath('f')
    for (const [offset, length] of [
      [0, 10],
      [4095, 2],
      [4096, 4096],
      [123_456, 70_000],
      [199_999, 5],
      [200_000, 5],
      [999_999, 5],
      [7, 0],
      [100, 3_000_000],
      [0, 1_000_000_000],
    ] as const) {
      const content = await tree.read(path, { offset, length })
      expect(content.bytes.equals(bytes.subarray(offset, offset + length))).toBe(true)
      expect(content.size).toBe(bytes.length)
    }
  },

  'a file too large to return is refused, and its parts are read': async ({ tree, sh }) => {
    await sh('dd if=/dev/null of=big bs=1 seek=70000000 2>/dev/null; printf end >> big')
    const path = treePath('big')
    await expect(tree.read(path)).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' })
    await expect(tree.read(path, { offset: 1, length: 69_000_000 })).rejects.toMatchObject({
      code: 'FILE_TOO_LARGE',
    })
    const part = await tree.read(path, { offset: 70_000_000, length: 100 })
    expect([part.bytes.toString(), part.size]).toEqual(['end', 70_000_003])
  },

  'stat tells kind, size, time and executability': async ({ tree, sh }) => {
    await sh(`printf four > f; printf '' > x; chmod 755 x; mkdir d; mkfifo p
      TZ=UTC touch -t 202001020304.05 f`)
    const file = { kind: 'file', size: 4, modifiedMs: 1577934245000, executable: false }
    expect(await tree.stat(treePath('f'))).toEqual(file)
    expect(await tree.stat(treePath('x'))).toMatchObject({
      kind: 'file',
      size: 0,
      executable: true,
    })
    const directory = { kind: 'directory', size: 0, executable: false }
    expect(await tree.stat(treePath('d'))).toMatchObject(directory)
    expect(await tree.stat(treeRoot)).toMatchObject(directory)
    expect(await tree.stat(treePath('p'))).toMatchObject({ kind: 'other', executable: false })
    const content = await tree.read(treePath('f'))
    expect(content).toEqual({
      bytes: Buffer.from('four'),
      size: 4,
      modifiedMs: 1577934245000,
      executable: false,
    })
  },

  'list gives names in byte order, links as links, and hides nothing else': async ({
    tree,
    sh,
  }) => {
    await sh(`printf four > b; mkdir B; printf '' > .hidden; ln -s ../gone 'a link'; mkfifo p
      ln -s b ./-l; printf '' > .sbx-notes`)
    await create(tree, '\u{1f71a}', 'x')
    await create(tree, '\u{ffff}', 'x')
    const entries = await tree.list(treeRoot)
    expect(entries.map(({ name, kind, size, target }) => [name, kind, size, target])).toEqual([
      ['-l', 'link', 0, 'b'],
      ['.hidden', 'file', 0, undefined],
      ['.sbx-notes', 'file', 0, undefined],
      ['B', 'directory', 0, undefined],
      ['a link', 'link', 0, '../gone'],
      ['b', 'file', 4, undefined],
      ['p', 'other', 0, undefined],
      ['\u{ffff}', 'file', 1, undefined],
      ['\u{1f71a}', 'file', 1, undefined],
    ])
    expect(await tree.list(treePath('B'))).toEqual([])
    expect(entries.every(({ modifiedMs }) => Math.abs(modifiedMs - Date.now()) < 600_000)).toBe(
      true,
    )
  },

  'a name that is not UTF-8 is left out of a listing': async ({ tree, sh }) => {
    await sh(`printf x > "$(printf 'bad\\377')"; printf x > good; ln -s "$(printf 'to\\377')" link`)
    expect((await tree.list(treeRoot)).map(({ name }) => name)).toEqual(['good', 'link'])
  },

  'odd names are written, read, listed and deleted': async ({ tree, sh }) => {
    for (const name of oddNames) await create(tree, `${name}/${name}`, name)
    const names = (await tree.list(treeRoot)).map(({ name }) => name)
    expect(names).toEqual(
      [...oddNames].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    )
    for (const name of oddNames) {
      const path = treePath(`${name}/${name}`)
      expect(await text(tree, path)).toBe(name)
      expect((await tree.list(treePath(name))).map((entry) => entry.name)).toEqual([name])
      await tree.apply([{ path, before: 'anything', after: 'absent' }])
      expect(await tree.list(treePath(name))).toEqual([])
    }
    expect(await sh('find . -name pwned')).toBe('')
  },

  'links that stay inside are followed': async ({ tree, sh }) => {
    await sh(`mkdir -p a/b; printf deep > a/b/f; ln -s a/b short; ln -s ../b/f a/b/up
      ln -s "$PWD/a" absolute; ln -s short/f chain; ln -s . here`)
    for (const path of [
      'short/f',
      'a/b/up',
      'absolute/b/f',
      'chain',
      'here/here/a/b/f',
      'short/up',
    ]) {
      expect(await text(tree, path)).toBe('deep')
      expect(await tree.stat(treePath(path))).toMatchObject({ kind: 'file', size: 4 })
    }
    expect((await tree.list(treePath('short'))).map(({ name }) => name)).toEqual(['f', 'up'])
  },

  'what is not there is FILE_NOT_FOUND': async ({ tree, sh }) => {
    await sh('ln -s nowhere dangling; ln -s loop loop; ln -s none/../a through; printf x > a')
    for (const path of ['none', 'none/deeper', 'dangling', 'loop', 'through', 'n'.repeat(300)]) {
      const named = treePath(path)
      const operations = [() => tree.stat(named), () => tree.read(named), () => tree.list(named)]
      for (const run of operations) {
        await expect(run()).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
      }
    }
  },

  'what is no file is NOT_A_FILE, and a FIFO does not block': async ({ tree, sh }) => {
    await sh('mkdir d; mkfifo p; printf x > f; ln -s d to-d; ln -s p to-p')
    for (const path of ['d', 'p', 'to-d', 'to-p', 'f/below', '']) {
      await expect(tree.read(treePath(path))).rejects.toMatchObject({ code: 'NOT_A_FILE' })
    }
    for (const path of ['d', 'p']) {
      const hint = path === 'd' ? /file inside it/ : /^Use exec/
      const error: unknown = await tree.read(treePath(path)).catch((error: unknown) => error)
      expect(error).toMatchObject({ hint: expect.stringMatching(hint) })
    }
    for (const path of ['p', 'f', 'f/below']) {
      await expect(tree.list(treePath(path))).rejects.toMatchObject({ code: 'NOT_A_FILE' })
    }
    await expect(tree.stat(treePath('f/below'))).rejects.toMatchObject({ code: 'NOT_A_FILE' })
  },
}
