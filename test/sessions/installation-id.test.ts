/** The id of an installation: one, for all processes and for good. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { takeLease } from '../../src/sessions/lease.ts'
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

test('where nothing can be written it is an error that names the way out', () => {
  const file = join(place(), 'file')
  writeFileSync(file, '')
  for (const find of [stateDirectory, expectedStateDirectory]) {
    expect(() => find({ XDG_STATE_HOME: file })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(file) }),
    )
  }
})

test('what cannot be written in it is told with the way out', async () => {
  const state = place()
  mkdirSync(join(state, 'installation-id'))
  writeFileSync(join(state, 'leases'), '')
  const context = { signal: AbortSignal.timeout(10_000), report: () => {} }
  const told = {
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(`"${state}" cannot be written: `),
    hint: expect.stringContaining('XDG_STATE_HOME'),
  }
  expect(() => installationId(state)).toThrow(expect.objectContaining(told))
  await expect(takeLease(state, 'sbx-one', context)).rejects.toMatchObject(told)
})

test.each([
  ['and there is none', undefined],
  ['and what is there is damaged', 'damaged'],
])('processes that start together agree on one: %s', async (_, damaged) => {
  const state = place()
  if (damaged !== undefined) writeFileSync(join(state, 'installation-id'), damaged)
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
