/** The id of an installation, and what becomes of one that cannot be read. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { installationId } from '../../src/sessions/state-directory.ts'

function place(): string {
  const state = mkdtempSync(join(tmpdir(), 'sandbox-mcp-state-'))
  onTestFinished(() => rmSync(state, { recursive: true, force: true }))
  return state
}

test('it is made once, and nothing else is left', () => {
  const state = place()
  const id = installationId(state)
  expect(id).toMatch(/^[0-9a-f]{24}$/)
  expect(installationId(state)).toBe(id)
  expect(readdirSync(state)).toEqual(['installation-id'])
})

test.each(['', 'x', '0123456789abcdef01234567 and more'])(
  'one that says %j is kept aside, as often as that happens, and another is made',
  (text) => {
    const state = place()
    const first = installationId(state)
    const file = join(state, 'installation-id')
    writeFileSync(file, text)
    const second = installationId(state)
    writeFileSync(file, `${text}!`)
    expect(new Set([first, second, installationId(state)]).size).toBe(3)
    expect(readFileSync(`${file}.damaged`, 'utf8')).toBe(text)
    expect(readFileSync(`${file}.damaged-2`, 'utf8')).toBe(`${text}!`)
    expect(readdirSync(state)).toHaveLength(3)
  },
)
