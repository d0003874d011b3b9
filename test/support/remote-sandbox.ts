/** What tests of backends that reach another host ask for, and a script that runs there. */
import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { OpenContext, Sandbox, SandboxSpec, Traffic } from '../../src/sandbox.ts'
import { runScript } from '../../src/scripts/script.ts'

export const never = new AbortController().signal
setMaxListeners(0, never)
export const context: OpenContext = { signal: never, report: () => {} }

/** A sandbox that nobody has asked for before. */
export const newSpec = (changes: Partial<SandboxSpec> = {}): SandboxSpec => ({
  name: `sbx-${randomBytes(8).toString('hex').slice(0, 15)}`,
  installation: 'tests',
  scopeKey: 'scope',
  agent: 'main',
  mounts: [{ host: '/nowhere', sandbox: '/workspace', writable: true }],
  owner: { uid: 0, gid: 0 },
  ...changes,
})

export async function run(sandbox: Sandbox, script: string, traffic?: Traffic) {
  const { code, stdout, stderr } = await runScript(sandbox, script, undefined, never, traffic)
  return { code, output: stdout.toString(), stderr }
}
