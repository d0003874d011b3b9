/**
 * Runs once before all tests. `npm test` has prepared the machine and says in the environment what
 * is there; a vitest that was started directly makes do with what it finds. The test processes
 * inherit the environment.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export default function setup(): void {
  if (process.env.SANDBOX_MCP_TEST_BACKENDS === undefined) {
    // A program of its own, because it is shared with scripts that run before TypeScript can.
    const detect = fileURLToPath(new URL('../../scripts/machine/parts.mjs', import.meta.url))
    const output = execFileSync(process.execPath, [detect], { encoding: 'utf8' })
    Object.assign(process.env, JSON.parse(output))
  }
  const missing: Record<string, string> = JSON.parse(process.env.SANDBOX_MCP_TEST_MISSING ?? '{}')
  for (const [part, why] of Object.entries(missing)) {
    process.stderr.write(`${part} is missing, and what needs it is skipped: ${why}\n`)
  }
}
