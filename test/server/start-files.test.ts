/** What a client's first answer waits for is little code: the rest is loaded when it is asked for. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const entry = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** The built files that `file` cannot be run without, itself among them. */
function neededBy(file: string, found = new Map<string, string>()): Map<string, string> {
  if (found.has(file)) return found
  const code = readFileSync(file, 'utf8')
  found.set(file, code)
  // What is loaded later is loaded in a function: `.then(()=>require(…))`.
  for (const [, path] of code.matchAll(/(?<!=>\s*)require\(["'](\.{1,2}\/[^"']+)["']\)/g)) {
    if (path !== undefined) neededBy(join(dirname(file), path), found)
  }
  return found
}

test('a start reads less than 300 KB', () => {
  const files = neededBy(entry)
  const sizes = [...files].map(([file, code]) => [file, code.length])
  const total = [...files.values()].reduce((sum, { length }) => sum + length, 0)
  expect(files.size, 'the pattern finds no files').toBeGreaterThan(1)
  expect(total, JSON.stringify(sizes)).toBeLessThan(300_000)
})
