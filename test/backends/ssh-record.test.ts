/** What a host tells of a sandbox; commands of one can write it. */
import { expect, test } from 'vitest'
import { newRecord, parseRecord, recordLine } from '../../src/backends/ssh/record.ts'
import { newSpec } from './openshell-world.ts'

const lineFor = (name: string) => recordLine(newRecord(newSpec({ name }), 'host'))

test('a record with a name of our form is read', () => {
  const name = 'sbx-abcdefghij23456'
  expect(parseRecord(lineFor(name))).toMatchObject({ name, target: 'host' })
})

test.each([
  '',
  'sbx-',
  'sbx-a',
  `sbx-${'a'.repeat(300)}`,
  '../sbx-abcdefghij23456',
  'sbx-abcdefghij23456\n',
])('one with the name %j is none', (name) => {
  expect(parseRecord(lineFor(name))).toBeUndefined()
})
