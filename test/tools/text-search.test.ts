/** Texts that repeat themselves, found where `indexOf` finds them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TextSearch } from '../../src/tools/edit/text-search.ts'

/** Each step beyond the place found before is one of these, so that places may overlap or not. */
function places(next: (from: number) => number, steps: readonly number[]): number[] {
  const found: number[] = []
  for (let at = next(0); at !== -1; at = next(at + (steps[found.length % steps.length] ?? 1))) {
    found.push(at)
  }
  return found
}

const piece = fc.string({ unit: fc.constantFrom('a', 'b', '\u{20ac}'), minLength: 1, maxLength: 5 })
const repeated = fc.tuple(piece, fc.integer({ min: 1, max: 60 }))
const periodic = fc
  .array(repeated, { minLength: 1, maxLength: 4 })
  .map((parts) => parts.map(([text, times]) => text.repeat(times)).join(''))

test('every place is where indexOf has it, in periodic texts too', () => {
  const steps = fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 3 })
  const cut = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 120 }))
  fc.assert(
    fc.property(periodic, periodic, cut, steps, (text, other, [at, length], steps) => {
      const start = at % text.length
      const inside = text.slice(start, start + length)
      for (const wanted of [inside, inside + other, other, `${other.slice(-40)}${inside}`]) {
        if (wanted === '') continue
        const search = new TextSearch(text, wanted)
        const found = places((from) => search.next(from), steps)
        expect(found).toEqual(places((from) => text.indexOf(wanted, from), steps))
      }
    }),
    { numRuns: 2000 },
  )
})

test('a text of a million letters is looked for in one of eight million', () => {
  const [letters, some] = ['a'.repeat(8_000_000), 'a'.repeat(500_000)]
  const next = (wanted: string) => new TextSearch(letters, wanted).next(0)
  expect(next(`${some}b${some}`)).toBe(-1)
  expect(next(`${some}b`)).toBe(-1)
  const all = new TextSearch(letters, some)
  expect(places((from) => all.next(from), [1])).toHaveLength(7_500_001)
})
