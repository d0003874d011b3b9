/** V8 heeds what it is told about young objects while it runs: another release may not. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { transformSync } from 'esbuild'
import { expect, test } from 'vitest'

const source = readFileSync(new URL('../src/young-generation.ts', import.meta.url), 'utf8')
const { code } = transformSync(source, { loader: 'ts', format: 'cjs' })

/** Bytes for young objects in a process that has made many, and kept some. */
function youngBytes(calls: string): number {
  const work = `
    ${calls}
    let kept = []
    for (let n = 0; n < 2e6; n++) { kept.push({ n }); if (kept.length > 2e5) kept = [] }
    const spaces = require('node:v8').getHeapSpaceStatistics()
    console.log(spaces.find(({ space_name }) => space_name === 'new_space').space_size)`
  return Number(execFileSync(process.execPath, ['-e', code + work], { encoding: 'utf8' }))
}

test('it stays small, until it is let grow', () => {
  const mb = 1024 * 1024
  expect(youngBytes('')).toBeGreaterThan(15 * mb)
  expect(youngBytes('keepYoungGenerationSmall()')).toBeLessThan(4 * mb)
  const grown = youngBytes('keepYoungGenerationSmall(); letYoungGenerationGrow()')
  expect(grown).toBeGreaterThan(15 * mb)
})
