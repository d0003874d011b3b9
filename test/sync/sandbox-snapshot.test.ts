/** What lines of a sandbox come to, in whatever order they are known. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { placeOf } from '../../src/sync/sandbox/lines.ts'
import { scanOf } from '../../src/sync/sandbox/snapshot.ts'
import { atOnce } from '../../src/sync/slices.ts'
import { parentOf } from '../../src/sync/snapshot.ts'
import { SyncRules } from '../../src/sync/sync-rules.ts'

const path = fc
  .array(fc.constantFrom('a', 'b', '.git', 'c'), { minLength: 1, maxLength: 4 })
  .map((names) => names.join('/'))
const line = fc.oneof(
  { weight: 6, arbitrary: path.map((at) => `d 755 40 7 1000.5 900.5 ./${at}`) },
  { weight: 4, arbitrary: path.map((at) => `f 644 1 7 1000.5 900.5 ./${at}`) },
  path.map((at) => `p 644 1 7 1000.5 900.5 ./${at}`),
)
const note = fc.oneof(
  path.map((at) => `! 12 ./${at}/`),
  path.map((at) => `? ./${at}/`),
)
const lines = fc.oneof(
  fc.array(line, { maxLength: 20 }),
  fc.array(fc.oneof({ weight: 6, arbitrary: line }, note), { maxLength: 20 }),
)

const keyed = (all: readonly string[]) => new Map(all.map((one) => [placeOf(one).key, one]))

function found(known: ReadonlyMap<string, string>) {
  const contents = new Map([...known.keys()].map((key) => [key, `of ${key}`]))
  const { snapshot, problems } = atOnce(scanOf({ lines: known, contents }, new SyncRules()))
  const words = problems.map(({ path: at, reason }) => `${at}: ${reason}`).sort()
  return { snapshot: Object.fromEntries(snapshot), words, order: [...snapshot.keys()] }
}

test('a directory is in it whether it was told before or after what is in it', () => {
  const told = ['f 644 1 7 1.5 1.5 ./a/b/c', 'd 755 9 7 1.5 1.5 ./a/b', 'd 755 9 7 1.5 1.5 ./a']
  const all = ['a', 'a/b', 'a/b/c']
  expect(found(keyed(told)).order).toEqual(all)
  expect(found(keyed(told.reverse())).order).toEqual(all)
})

test('the order of the lines makes no difference, and directories come before what is in them', () => {
  fc.assert(
    fc.property(lines, fc.array(fc.nat(), { minLength: 20, maxLength: 20 }), (all, keys) => {
      const known = [...keyed(all)]
      const sorted = new Map(known.sort(([one], [other]) => (one < other ? -1 : 1)))
      const mixed = new Map(
        known
          .map((one, i) => ({ one, by: keys[i] ?? 0 }))
          .sort((a, b) => a.by - b.by)
          .map(({ one }) => one),
      )
      const [first, second] = [found(sorted), found(mixed)]
      expect({ ...second, order: [] }).toEqual({ ...first, order: [] })
      if (all.some((one) => one.startsWith('? '))) return
      for (const { order } of [first, second]) {
        for (const [i, at] of order.entries()) {
          const parent = parentOf(at)
          if (parent !== '') expect(order.slice(0, i)).toContain(parent)
        }
      }
    }),
    { numRuns: 2_000 },
  )
})
