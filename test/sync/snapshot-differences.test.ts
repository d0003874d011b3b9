import { expect, test } from 'vitest'
import type { Entry, Snapshot } from '../../src/sync/snapshot.ts'
import { knownDifference, noteDifference } from '../../src/sync/snapshot-differences.ts'
import { type TreePath, treePath } from '../../src/tree.ts'

const directory: Entry = { kind: 'directory' }
const of = (...paths: string[]): Snapshot =>
  new Map(paths.map((path) => [treePath(path), directory] as const))
const paths = (...all: string[]): TreePath[] => all.map(treePath)
const known = (one: Snapshot, other: Snapshot) => {
  const difference = knownDifference(one, other)
  return difference && [...difference].sort()
}

test('two of which nothing was noted', () => {
  const one = of('a')
  expect(known(one, of('a'))).toBeUndefined()
  expect(known(one, one)).toEqual([])
})

test('what was noted is known both ways, also over others, and adds up', () => {
  const [a, b, c, d] = [of('a'), of('b'), of('c'), of('d')]
  noteDifference(a, b, paths('a', 'b'))
  noteDifference(c, b, paths('b', 'c'))
  noteDifference(c, d, [])
  expect(known(a, b)).toEqual(['a', 'b'])
  expect(known(b, a)).toEqual(['a', 'b'])
  expect(known(a, c)).toEqual(['a', 'b', 'c'])
  expect(known(d, a)).toEqual(['a', 'b', 'c'])
})

test('more than a thousand paths, or more steps than a pass makes, are not known', () => {
  const [a, b] = [of('a'), of('b')]
  noteDifference(a, b, paths(...Array.from({ length: 1_001 }, (_, i) => `f${i}`)))
  expect(known(a, b)).toBeUndefined()
  const chain = Array.from({ length: 7 }, (_, i) => of(`${i}`))
  for (const [i, next] of chain.slice(1).entries()) {
    noteDifference(chain[i] as Snapshot, next, paths(`${i}`))
  }
  expect(known(chain[0] as Snapshot, chain[4] as Snapshot)).toEqual(['0', '1', '2', '3'])
  expect(known(chain[0] as Snapshot, chain[6] as Snapshot)).toBeUndefined()
})
