import { expect } from 'vitest'
import { type Snapshot, sameEntry } from '../../src/sync/snapshot.ts'
import { knownDifference } from '../../src/sync/snapshot-differences.ts'

/** Every path at which the two hold different things. */
const differenceOf = (one: Snapshot, other: Snapshot) =>
  [...new Set([...one.keys(), ...other.keys()])].filter(
    (path) => !sameEntry(one.get(path), other.get(path)),
  )

/** Where it is known at which paths two differ, there is no other. Whether it is known. */
export function expectKnown(one: Snapshot, other: Snapshot): boolean {
  const known = knownDifference(one, other)
  if (known === undefined) return false
  expect([...known]).toEqual(expect.arrayContaining(differenceOf(one, other)))
  return true
}
