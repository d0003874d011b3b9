/** The id of an installation: one, for all processes and for good. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  expectedStateDirectory,
  installationId,
  knownInstallationId,
  stateDirectory,
} from '../../src/sessions/state-directory.ts'

function place(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-state-')))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('it is made once, and found again', () => {
  const state = place()
  expect(knownInstallationId(state)).toBeUndefined()
  expect(readdirSync(state)).toEqual([])
  const id = installationId(state)
  expect(id).toMatch(/^[0-9a-f]{24}$/)
  expect([installationId(state), knownInstallationId(state)]).toEqual([id, id])
  expect(readdirSync(state)).toEqual(['installation-id'])
})

test('where nothing can be written it is an error that names the way out', () => {
  const file = join(place(), 'file')
  writeFileSync(file, '')
  for (const find of [stateDirectory, expectedStateDirectory]) {
    expect(() => find({ XDG_STATE_HOME: file })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(file) }),
    )
  }
})

test('processes that start together agree on one', async () => {
  const state = place()
  const script = join(place(), 'ask.mjs')
  const source = new URL('../../src/sessions/state-directory.ts', import.meta.url)
  const { build } = await import('esbuild')
  const options = { bundle: true, format: 'esm', platform: 'node', write: true } as const
  const library = script.replace('ask', 'library')
  await build({ ...options, entryPoints: [source.pathname], outfile: library })
  writeFileSync(
    script,
    `import { installationId } from ${JSON.stringify(library)}
process.once('message', () => process.send(installationId(${JSON.stringify(state)})))
process.send('ready')`,
  )
  const children = Array.from({ length: 8 }, () => fork(script, { execArgv: [] }))
  await Promise.all(children.map((child) => once(child, 'message')))
  const ids = children.map(async (child) => {
    const answer = once(child, 'message')
    child.send('go')
    const [id] = await answer
    child.disconnect()
    return id
  })
  const agreed = new Set(await Promise.all(ids))
  expect([...agreed]).toEqual([installationId(state)])
  expect(readdirSync(state).filter((name) => name.startsWith('.'))).toEqual([])
  expect(existsSync(join(state, 'installation-id'))).toBe(true)
})
