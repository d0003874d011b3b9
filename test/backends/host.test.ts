/** The host as a backend: it passes what a backend without walls has to pass, and it removes no file. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { endMarked } from '../../src/backends/host/end-marked.ts'
import { HostBackend } from '../../src/backends/host.ts'
import { runScript } from '../../src/scripts/script.ts'
import { describeBackend } from '../contract/backend.ts'
import { context, never, newSpec } from '../support/remote-sandbox.ts'

describeBackend(
  'host',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sandbox-mcp-host-'))
    return {
      backend: new HostBackend(directory),
      other: new HostBackend(directory),
      end: endMarked,
      close: async () => rmSync(directory, { recursive: true }),
    }
  },
  { unconfined: 'the host is the machine itself, and nothing is between commands and it' },
)

function place() {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-host-')))
  onTestFinished(() => rmSync(base, { recursive: true }))
  const directory = join(base, 'records')
  const mounts = [{ host: base, sandbox: base, writable: true }] as const
  return { base, directory, backend: new HostBackend(directory), spec: newSpec({ mounts }) }
}

test('the workspace is the directory of the host, and removing the sandbox leaves its files', async () => {
  const { base, backend, spec } = place()
  writeFileSync(join(base, 'mine'), 'kept')
  const sandbox = await backend.open(spec, context)
  const { stdout } = await runScript(sandbox, 'pwd -P', undefined, never)
  expect([sandbox.root, stdout.toString()]).toEqual([base, '/\n'])
  await backend.remove(spec.name)
  await sandbox.close()
  expect(existsSync(join(base, 'mine'))).toBe(true)
  expect(await backend.list(spec.installation)).toEqual([])
})

test('what is meant for the server alone does not reach commands; the rest of its environment does', async () => {
  const { backend, spec } = place()
  process.env.SANDBOX_MCP_TEST = 'ours'
  process.env.HOST_TEST = 'theirs'
  onTestFinished(() => {
    delete process.env.SANDBOX_MCP_TEST
    delete process.env.HOST_TEST
  })
  const sandbox = await backend.open(spec, context)
  const { stdout } = await runScript(
    sandbox,
    'echo "[$SANDBOX_MCP_TEST][$HOST_TEST]"',
    undefined,
    never,
  )
  expect(stdout.toString()).toBe('[][theirs]\n')
  await backend.remove(spec.name)
})

test('a record that is damaged is kept aside, and stands in nobody’s way', async () => {
  const { directory, backend, spec } = place()
  await backend.open(spec, context)
  const record = join(directory, `${spec.name}.json`)
  writeFileSync(record, '{"name"')
  expect(await backend.list(spec.installation)).toEqual([])
  await backend.open(spec, context)
  expect((await backend.list(spec.installation)).map(({ name }) => name)).toEqual([spec.name])
  expect(readdirSync(directory).sort()).toEqual([`${spec.name}.json`, `${spec.name}.json.damaged`])
  expect(statSync(record).mode & 0o777).toBe(0o600)
})
