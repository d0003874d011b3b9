import { expect, test } from 'vitest'
import { completePath } from '../../src/resources/path-completion.ts'
import { longestTurn } from '../support/longest-turn.ts'
import { newPlace } from './world.ts'

test('what lies hundreds of directories deep is completed while others have their turn', async () => {
  const { tree, sight, write } = newPlace()
  const deep = 'a/'.repeat(300)
  write(`${deep}file`)
  const longest = await longestTurn(async () => {
    expect(await completePath(tree, sight, deep)).toMatchObject({ values: [`${deep}file`] })
  })
  expect(longest).toBeLessThan(0.3)
})

test('nothing completes a path that is longer than any can be, at once', async () => {
  const { tree, sight } = newPlace()
  expect(await completePath(tree, sight, 'a/'.repeat(500_000))).toEqual({
    values: [],
    total: 0,
    hasMore: false,
  })
})
