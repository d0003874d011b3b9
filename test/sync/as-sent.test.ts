import { expect, test } from 'vitest'
import { digestAsSent } from '../../src/sync/seed/as-sent.ts'
import { treePath } from '../../src/tree.ts'

const sent = {
  seconds: 1_000.5,
  files: new Map([[treePath('d/f'), { size: 7, mtimeSeconds: 900, digest: 'the digest' }]]),
}

test.each([
  ['a file as it was sent', 'f 644 7 12 1000.4 900.0 ./d/f', 'the digest'],
  ['one with another size', 'f 644 8 12 1000.4 900.0 ./d/f', undefined],
  ['one with another time', 'f 644 7 12 1000.4 901.0 ./d/f', undefined],
  ['one that was changed since', 'f 644 7 12 1000.6 900.0 ./d/f', undefined],
  ['one that may have been changed in the same tick', 'f 644 7 12 1000.48 900.0 ./d/f', undefined],
  ['a link in its place', 'l 777 7 12 1000.4 900.0 ./d/f', undefined],
])('%s', (_, line, digest) => {
  expect(digestAsSent(line, 'd/f', sent)).toBe(digest)
})

test('one that was not sent', () => {
  expect(digestAsSent('f 644 7 12 1000.4 900.0 ./d/g', 'd/g', sent)).toBeUndefined()
})
