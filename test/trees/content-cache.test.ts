import { expect, test } from 'vitest'
import { treePath } from '../../src/tree.ts'
import { ContentCache } from '../../src/trees/content-cache.ts'

const [a, b, c] = ['a', 'b', 'c'].map(treePath) as [never, never, never]

test('a file is known as it was put last, until it is forgotten', () => {
  const cache = new ContentCache()
  const bytes = Buffer.from('old')
  cache.put(a, bytes)
  bytes.write('new')
  expect(cache.get(a)?.toString()).toBe('old')
  cache.put(a, bytes)
  expect(cache.get(a)?.toString()).toBe('new')
  cache.forget(a)
  cache.forget(b)
  expect(cache.get(a)).toBeUndefined()
})

test('a large file is not held, nor what it had replaced', () => {
  const cache = new ContentCache()
  cache.put(a, Buffer.from('small'))
  cache.put(a, Buffer.alloc(128 * 1024 + 1))
  expect(cache.get(a)).toBeUndefined()
})

test('what was not used for the longest time goes when there is too much', () => {
  const cache = new ContentCache()
  const large = Buffer.alloc(128 * 1024)
  cache.put(a, large)
  cache.put(b, large)
  for (let i = 0; i < 2; i++) cache.put(treePath(`f${i}`), large)
  cache.get(a)
  cache.put(c, Buffer.from('x'))
  expect([a, b, c].map((path) => cache.get(path) !== undefined)).toEqual([true, false, true])
})
