/** Cases of `describeTree` about changes that are refused or fail: nothing is different afterwards. */
import { expect } from 'vitest'
import type { Change } from '../../src/tree.ts'
import { treePath } from '../../src/tree.ts'
import type { OpenTree, TreeCase } from './tree.ts'
import { change, was } from './tree-changes.ts'

/** All there is, temporary files too: names, kinds, modes, and the content of files. */
const everything = ({ sh }: OpenTree) =>
  sh('find . -exec stat -c "%n %f" {} + | sort; find . -type f -exec sha256sum {} + | sort')

async function refused(opened: OpenTree, changes: Change[], code: string, message = /./) {
  const before = await everything(opened)
  const outcome = opened.tree.apply(changes)
  await expect(outcome).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  expect(await everything(opened)).toBe(before)
}

export const failing: Readonly<Record<string, TreeCase>> = {
  'one stale change writes nothing, and all that are stale are named': async (opened) => {
    await opened.sh('printf one > one; printf two > two; printf three > three')
    const changes = [
      change('one', was('one'), '1'),
      change('two', was('other'), '2'),
      change('new/file', 'absent', 'n'),
      change('gone', was('gone'), 'g'),
      change('three', was('3'), null),
    ]
    await refused(opened, changes, 'FILE_STALE', /"two", "gone", "three"/)
  },

  'a file that should not exist writes nothing': async (opened) => {
    await opened.sh('printf one > one; ln -s one link')
    const good = change('other', 'absent', 'o')
    await refused(opened, [good, change('one', 'absent', '1')], 'FILE_EXISTS', /"one"/)
    await refused(opened, [good, change('link', 'absent', '1')], 'FILE_EXISTS', /"link"/)
  },

  'a failure half way puts everything back': async (opened) => {
    await opened.sh('printf one > one; chmod 640 one; printf two > two; mkdir d; printf f > d/f')
    // The last two cannot both be: the first makes a directory of what the second makes a file.
    const changes = [
      change('one', was('one'), 'changed'),
      change('two', was('two'), null),
      change('d/new', 'absent', 'n'),
      change('d/f', 'anything', 'F'),
      change('a/b/c', 'absent', 'c'),
      change('a', 'anything', 'a file'),
    ]
    await refused(opened, changes, 'NOT_A_FILE', /"a" is a directory/)
  },

  'a name too long for the file system writes nothing': async (opened) => {
    await opened.sh('printf one > one')
    const changes = [
      change('one', was('one'), '1'),
      change(`new/${'n'.repeat(256)}`, 'absent', 'n'),
    ]
    await refused(opened, changes, 'FILE_DENIED', /name is too long/)
  },

  'two changes of one file are refused, however they are spelled': async (opened) => {
    await opened.sh('mkdir d; printf x > d/f; ln -s d e; ln -s d/f l; ln -s d/g m')
    const same = (...paths: string[]) =>
      refused(
        opened,
        paths.map((path) => change(path, 'anything', path)),
        'ARGUMENT_INVALID',
        /the same file/,
      )
    await same('d/f', 'd/f')
    await same('other', 'd/f', 'e/f')
    await same('l', 'another', 'd/f')
    await same('m', 'e/g')
    await same('e/n/x', 'd/n/x')
  },

  'a directory or a FIFO is not written or deleted': async (opened) => {
    await opened.sh('mkdir -p d/e; mkfifo p; printf x | tee d/e/f > f; ln -s d to-d; ln -s p to-p')
    for (const path of ['d', 'd/e', 'p', '', 'to-p']) {
      await refused(opened, [change(path, 'anything', 'x')], 'NOT_A_FILE')
      if (path !== 'to-p') await refused(opened, [change(path, 'anything', null)], 'NOT_A_FILE')
    }
    await refused(opened, [change('to-d', 'anything', 'x')], 'NOT_A_FILE')
    for (const [path, file] of [
      ['f', 'f'],
      ['to-d/e/f', 'd/e/f'],
    ] as const) {
      const below = change(`${path}/below`, 'absent', 'x')
      const message = new RegExp(`^"${file}" is used as a dir`)
      await refused(opened, [below], 'NOT_A_FILE', message)
      await expect(opened.tree.read(below.path)).rejects.toThrow(message)
      await expect(opened.tree.list(treePath(file))).rejects.toThrow(message)
    }
  },

  'links that lead nowhere writable are refused': async (opened) => {
    await opened.sh('ln -s loop loop; ln -s none/../x through')
    await refused(opened, [change('loop', 'anything', 'x')], 'FILE_DENIED', /circle/)
    await refused(opened, [change('through', 'anything', 'x')], 'FILE_DENIED', /missing/)
  },

  'an aborted change writes nothing': async (opened) => {
    const before = await everything(opened)
    const changes = [change('new/file', 'absent', 'n')]
    await expect(opened.tree.apply(changes, AbortSignal.abort())).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    expect(await everything(opened)).toBe(before)
  },

  'errors name no path of the machine': async ({ tree, sh }) => {
    await sh('ln -s /etc/hostname out; mkdir d; printf x > f')
    const root = (await sh('pwd')).trim()
    for (const path of ['out', 'd', 'none', 'f/x']) {
      const error = await tree.read(treePath(path)).catch((reason: Error) => reason)
      expect(error).toBeInstanceOf(Error)
      expect((error as Error).message).not.toContain(root)
      expect((error as Error).message).not.toContain('/etc')
    }
  },
}
