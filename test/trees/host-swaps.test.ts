/** Links that come and go while a `HostTree` works: the races that a check before use cannot win. */
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { realpath, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isSandboxError } from '../../src/errors.ts'
import { canPin } from '../../src/real-paths.ts'
import { HostSight } from '../../src/resources/host-sight.ts'
import { treePath } from '../../src/tree.ts'
import { HostTree } from '../../src/trees/host-tree.ts'
import { change, text } from '../contract/tree-changes.ts'
import { contents } from './hostile-paths.ts'
import { whileSwapping } from './swapping.ts'

let base: string
let outside: string
let root: string
let tree: HostTree
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'sbx-swaps-')))
  outside = join(base, 'out')
  root = join(base, 'ws')
  mkdirSync(outside)
  mkdirSync(root)
  writeFileSync(join(outside, 'secret'), 'secret')
  tree = new HostTree({ root, owner: { uid: 0, gid: 0 } })
})
afterEach(() => rmSync(base, { recursive: true }))

/** Any refusal will do, as long as nothing happened outside; anything else is thrown on. */
async function refused(run: () => Promise<unknown>): Promise<boolean> {
  try {
    await run()
    return false
  } catch (error) {
    if (isSandboxError(error)) return true
    throw error
  }
}

/** Repeats `times` at least, and until a tenth of that was refused and a tenth was not. */
async function until(times: number, run: () => Promise<unknown>): Promise<void> {
  const seen = { true: 0, false: 0 }
  const enough = () =>
    Math.min(seen.true, seen.false) >= times / 10 && seen.true + seen.false >= times
  while (!enough()) seen[`${await refused(run)}`]++
}

describe.runIf(canPin)('while a directory and a link out are swapped', () => {
  test('1000 writes stay inside', async () => {
    const before = contents(outside)
    await whileSwapping(join(root, 'x'), 'directory', '../out', async () => {
      await until(1000, () => tree.apply([change('x/f', 'anything', 'overwritten')]))
      await until(100, () => tree.apply([change('x/new/f', 'anything', 'overwritten')]))
    })
    expect(contents(outside)).toEqual(before)
  })

  test('1000 reads and listings stay inside', async () => {
    writeFileSync(join(outside, 'only here'), '')
    await whileSwapping(join(root, 'x'), 'directory', '../out', async () => {
      await until(1000, async () => expect(await text(tree, 'x/secret')).toBe('ours'))
      await until(1000, async () => {
        const names = (await tree.list(treePath('x'))).map(({ name }) => name)
        expect(names).not.toContain('only here')
      })
    })
  })

  test('1000 deletions stay inside', async () => {
    const before = contents(outside)
    await whileSwapping(join(root, 'x'), 'directory', '../out', () =>
      until(1000, () => tree.apply([change('x/secret', 'anything', null)])),
    )
    expect(contents(outside)).toEqual(before)
  })

  test('code that looks first gets out', async () => {
    const before = contents(outside).join()
    await whileSwapping(join(root, 'x'), 'directory', '../out', async () => {
      for (let i = 0; i < 50_000 && contents(outside).join() === before; i++) {
        try {
          const real = await realpath(join(root, 'x'))
          if (real.startsWith(`${root}/`)) await writeFile(join(root, 'x/f'), 'overwritten')
        } catch {}
      }
    })
    expect(contents(outside).join()).not.toBe(before)
  })
})

describe.runIf(canPin)('while a file and a link out are swapped', () => {
  test('1000 reads and writes stay inside', async () => {
    const before = contents(outside)
    await whileSwapping(join(root, 'f'), 'file', '../out/secret', async () => {
      await until(1000, async () => {
        expect(await text(tree, 'f')).toBe('ours')
      })
      await until(1000, () => tree.apply([change('f', 'anything', 'ours')]))
    })
    expect(contents(outside)).toEqual(before)
  })
})

/** As for what is mounted besides the workspace, out of the workspace. */
describe.each(canPin ? [true, false] : [false])('a root (pinned: %s)', (pinned) => {
  const elsewhere = () =>
    new HostTree({ root: join(root, 'x/d'), owner: { uid: 0, gid: 0 }, pinned })
  beforeEach(() => {
    for (const path of [join(root, 'x/d'), join(outside, 'd')]) mkdirSync(path, { recursive: true })
    writeFileSync(join(root, 'x/d/secret'), 'ours')
    writeFileSync(join(outside, 'd/secret'), 'secret')
  })

  test.each(['x', 'x/d'])(
    'is not followed to where a link in the place of %s leads',
    async (path) => {
      const it = elsewhere()
      expect(await text(it, 'secret')).toBe('ours')
      const before = contents(outside)
      renameSync(join(root, path), join(root, 'moved'))
      symlinkSync(path === 'x' ? outside : join(outside, 'd'), join(root, path))
      const sight = new HostSight({ path: join(root, 'x/d'), sandboxRoot: undefined, pinned })
      for (const attempt of [
        () => text(it, 'secret'),
        () => it.stat(treePath('secret')),
        () => it.list(treePath('')),
        () => it.apply([change('secret', 'anything', 'overwritten')]),
        () => it.apply([change('new', 'absent', 'made')]),
        () => it.apply([change('secret', 'anything', null)]),
        () => it.replace(treePath('secret'), Buffer.from('overwritten')),
        () => sight.names(treePath('')),
      ]) {
        expect([String(attempt), await refused(attempt)]).toEqual([String(attempt), true])
      }
      expect(sight.look(treePath('secret')).kind).not.toBe('file')
      expect(contents(outside)).toEqual(before)
    },
  )
})

describe.runIf(canPin)(
  'while a directory on the way to the root and a link out are swapped',
  () => {
    test('1000 reads and writes stay inside', async () => {
      mkdirSync(join(outside, 'd'))
      writeFileSync(join(outside, 'd/secret'), 'secret')
      const before = contents(outside)
      // The directory that is put there has nothing but the file: the root is refused either way.
      await whileSwapping(join(root, 'x'), 'directory', '../out', async () => {
        const it = new HostTree({ root: join(root, 'x/d'), owner: { uid: 0, gid: 0 } })
        for (let i = 0; i < 1000; i++) {
          expect(await refused(() => text(it, 'secret'))).toBe(true)
          expect(await refused(() => it.apply([change('new', 'anything', 'made')]))).toBe(true)
        }
      })
      expect(contents(outside)).toEqual(before)
    })
  },
)
