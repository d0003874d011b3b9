/** Cases of `describeTree` about several at once. */
import { expect } from 'vitest'
import { treePath, treeRoot } from '../../src/tree.ts'
import { increment } from './increment.ts'
import type { TreeCase } from './tree.ts'
import { change, create, text } from './tree-changes.ts'

export const racing: Readonly<Record<string, TreeCase>> = {
  'twenty that rely on what they read lose no update': async ({ tree }) => {
    await create(tree, 'n', '0')
    await Promise.all(Array.from({ length: 20 }, () => increment(tree, 'n', 1)))
    expect(await text(tree, 'n')).toBe('20')
  },

  'two server processes lose no update': async ({ tree, incrementElsewhere, updates = 100 }) => {
    await create(tree, 'n', '0')
    let there = true
    const elsewhere = incrementElsewhere('n', updates).finally(() => {
      there = false
    })
    let here = 0
    // As long as the other one takes to start and to finish: they do meet.
    for (; there; here++) await increment(tree, 'n', 1)
    await elsewhere
    expect(await text(tree, 'n')).toBe(`${updates + here}`)
  },

  'of those that create one file, one does': async ({ tree, sh }) => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => create(tree, 'new/f', `${i}`)),
    )
    const refusals = outcomes.flatMap((o) => (o.status === 'rejected' ? [o.reason.code] : []))
    expect(refusals).toEqual(Array(7).fill('FILE_EXISTS'))
    expect(outcomes[Number(await text(tree, 'new/f'))]?.status).toBe('fulfilled')
    expect(await sh('ls -A new')).toBe('f\n')
  },

  'readers see the old file or the new one, and no temporary file': async ({ tree, sh }) => {
    const size = 300_000
    const versions = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => letter.repeat(size))
    await create(tree, 'f', versions[0] ?? '')
    let writing = true
    const writer = async () => {
      for (const version of [...versions, ...versions]) {
        await tree.apply([change('f', 'anything', version), change('g', 'anything', version)])
      }
      writing = false
    }
    let seen = 0
    const reader = async () => {
      while (writing) {
        const content = await text(tree, 'f')
        expect(content).toBe((content[0] ?? 'none').repeat(size))
        const names = (await tree.list(treeRoot)).map(({ name }) => name)
        expect(names.filter((name) => name !== 'f' && name !== 'g')).toEqual([])
        expect((await sh('cat f')).length).toBe(size)
        seen++
      }
    }
    await Promise.all([writer(), reader()])
    expect(seen).toBeGreaterThan(0)
    expect(await tree.stat(treePath('g'))).toMatchObject({ size })
  },
}
