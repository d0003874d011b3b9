/** Our `apply_patch` beside the Codex binary's: same files, or a difference that has a name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describeWhere } from '../support/available.ts'
import { contentsOf } from '../support/directory-contents.ts'
import { type PatchCase, patchCases } from '../support/patch-cases.ts'
import { compare } from '../support/patch-comparison.ts'
import { deviations } from '../support/patch-deviations.ts'

/** `APPLY_PATCH_CASES=20000 APPLY_PATCH_SEED=7 npm test -- differential` looks further. */
const numRuns = Number(process.env.APPLY_PATCH_CASES ?? 300)
const seed = Number(process.env.APPLY_PATCH_SEED ?? 1)

const scenarios = join(import.meta.dirname, 'apply-patch')
const names = readdirSync(scenarios, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  // The binary would write to the machine's own /tmp.
  .filter((name) => name !== '057-two-trees-refused')

function scenario(name: string): PatchCase {
  const input = join(scenarios, name, 'input')
  return {
    files: existsSync(input) ? contentsOf(input) : {},
    patch: readFileSync(join(scenarios, name, 'patch.txt'), 'utf8'),
  }
}

/** What few seeds come to: a blank line that the reference takes for context, and a header with blanks before it. */
const rare: readonly PatchCase[] = [
  {
    files: { a: '' },
    patch: '*** Begin Patch\n*** Update File: a\n*** Move to: b\n   \n*** End Patch',
  },
  { files: { a: '' }, patch: '*** Begin Patch\n  *** Update File: a\n\n*** End Patch' },
  { files: { a: '' }, patch: '*** Begin Patch\n  *** Update File:  a\n@@\n+a\n*** End Patch' },
]

async function differences(asked: PatchCase): Promise<readonly string[]> {
  const { ours, theirs, names } = await compare(asked)
  // The values that differ are the message: they say more than the absence of a name.
  if (names === undefined) expect({ patch: asked.patch, ...ours }).toEqual(theirs)
  return names ?? []
}

test('docs/apply-patch.md argues for each deviation, in this order, and for nothing else', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/apply-patch.md'), 'utf8')
  const headings = [...page.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading)
  expect(headings).toEqual(deviations.map(({ name }) => name))
})

describeWhere('codex', 'beside the Codex binary', () => {
  test.each(deviations)('$name', async ({ name, example }) => {
    expect(await differences(example)).toEqual([name])
  })

  test.each(names)('scenario %s', async (name) => {
    await differences(scenario(name))
  })

  test(`${numRuns} generated patches`, { timeout: 60_000 + numRuns * 500 }, async () => {
    const counts = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(patchCases, async (asked) => {
        const found = await differences(asked)
        for (const name of found.length > 0 ? found : ['no difference']) {
          counts.set(name, (counts.get(name) ?? 0) + 1)
        }
      }),
      { numRuns, seed, examples: rare.map((one) => [one]) },
    )
    const told = [...counts].toSorted(([, a], [, b]) => b - a)
    process.stdout.write(`${told.map(([name, count]) => `${count} × ${name}`).join('\n')}\n`)
    // The deviations are exceptions, and the patches not all of one kind.
    expect(counts.get('no difference')).toBeGreaterThan(numRuns / 2)
    expect(counts.size).toBeGreaterThan(deviations.length / 2)
  })
})
