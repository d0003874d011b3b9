/** What a look tells of a small file is its content only as long as that has held still. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { fitting, toldFiles } from '../../src/sync/sandbox/told-files.ts'

const digestOf = (content: string) => createHash('sha256').update(content).digest('hex')
const line = (path: string, size: number, kind = 'f') =>
  `${kind} 644 ${size} 7 1795917255.6790704500 1795917237.9000000000 ./${path}`
const lines = [line('d', 40, 'd'), line('d/a', 2), line('b c', 3), line('e', 1)]

function contents(bytes: string, digests: Readonly<Record<string, string>>) {
  const files = toldFiles(lines, { numbers: [2, 3], bytes: Buffer.from(bytes) })
  expect(files.get('b c')).toMatchObject({ mode: 0o644, mtimeMs: 1_795_917_237_000 })
  const of = (path: string) =>
    fitting(files.get(path), digestOf(digests[path] ?? ''))?.content.toString()
  return [of('d/a'), of('b c'), of('e')]
}

test('files that held still are what their lines say', () => {
  expect(contents('aabbb', { 'd/a': 'aa', 'b c': 'bbb' })).toEqual(['aa', 'bbb', undefined])
})

test.each(['abbb', 'xabbb', ''])('one that was changed meanwhile is none: %s', (bytes) => {
  expect(contents(bytes, { 'd/a': 'aa', 'b c': 'bbb' })).not.toContain('aa')
})

test.each(['aabb', 'aa', 'aaabbb'])(
  'one behind others that is not where it was is none: %s',
  (bytes) => {
    expect(contents(bytes, { 'd/a': 'aa', 'b c': 'bbb' })).toEqual(['aa', undefined, undefined])
  },
)
