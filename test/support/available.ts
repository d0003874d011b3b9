/**
 * Which real parts the tests can run on, and what happens where one is not there: the suite is
 * skipped with the reason in its name, or fails when REQUIRE_BACKENDS names the part.
 */
import { describe, test } from 'vitest'

export type Part =
  | 'docker'
  | 'podman'
  | 'bubblewrap'
  | 'ssh'
  | 'openshell'
  | 'openshell-double'
  | 'codex'
  | 'conformance'

/** The images that are there wherever `docker` is available; `npm test` builds them. */
export const images = {
  debian: 'sandbox-mcp-test/debian:1',
  busybox: 'sandbox-mcp-test/busybox:1',
} as const

function available(part: Part): boolean {
  return listed('SANDBOX_MCP_TEST_BACKENDS').includes(part)
}

/** Where a program is that `npm test` installs: a file, or the folder of several. */
export function programPath(part: 'codex' | 'conformance' | 'openshell'): string {
  const paths: Record<string, string> = JSON.parse(process.env.SANDBOX_MCP_TEST_PROGRAMS ?? '{}')
  const path = paths[part]
  if (path === undefined) throw new Error(`${part} is not installed`)
  return path
}

/** A `describe` for tests that need `part`. */
export function describeWhere(part: Part, name: string, fn: () => void): void {
  if (available(part)) {
    describe(name, fn)
    return
  }
  const reason = `${part} is missing: ${whyMissing(part)}`
  if (!listed('REQUIRE_BACKENDS').includes(part)) {
    describe.skip(`${name} (${reason})`, fn)
    return
  }
  describe(name, () => {
    test(`needs ${part}`, () => {
      throw new Error(`${reason}; REQUIRE_BACKENDS requires it`)
    })
  })
}

function whyMissing(part: Part): string {
  const reasons: Partial<Record<Part, string>> = JSON.parse(
    process.env.SANDBOX_MCP_TEST_MISSING ?? '{}',
  )
  return reasons[part] ?? 'nothing said why'
}

function listed(variable: string): string[] {
  return (process.env[variable] ?? '').split(',').map((name) => name.trim())
}
