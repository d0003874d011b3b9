/** MCP's own suite: all of it with its fixtures, and what it can say of the server that ships. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { describeWhere, programPath } from '../support/available.ts'
import type { HttpServer } from './http.ts'
import { serveFixtures, serveShipped } from './server.ts'

interface Run {
  readonly code: unknown
  readonly output: string
  /** What each scenario looked at. */
  readonly checks: readonly { readonly id: string; readonly status: string }[]
}

/** Runs the suite of that package against a server of its own. */
async function suite(
  release: 'released' | 'next',
  serve: () => Promise<HttpServer>,
  args: readonly string[],
): Promise<Run> {
  const modules = programPath('conformance')
  const results = mkdtempSync(join(tmpdir(), 'sandbox-mcp-test-'))
  onTestFinished(() => rmSync(results, { recursive: true, force: true }))
  const { url, close } = await serve()
  onTestFinished(close)
  // It needs a newer Node than the one that runs us.
  const node = join(modules, 'node/bin/node')
  const program = join(modules, release, 'dist/index.js')
  return new Promise((resolve) => {
    const all = [program, 'server', '--url', url, '-o', results, ...args]
    execFile(node, all, { cwd: results, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const checks = readdirSync(results).flatMap((scenario) =>
        JSON.parse(readFileSync(join(results, scenario, 'checks.json'), 'utf8')),
      )
      resolve({ code: error?.code ?? 0, output: stdout + stderr, checks })
    })
  })
}

describeWhere('conformance', 'the conformance suite', () => {
  test('passes as a whole with its fixtures', async () => {
    const { code, output } = await suite('released', serveFixtures, ['--suite', 'all'])
    expect(output).toMatch(/Total: \d+ passed, 0 failed/)
    expect(code).toBe(0)
  })

  test('fails on the server that ships as recorded, and not otherwise', async () => {
    const recorded = join(import.meta.dirname, 'shipped.yml')
    const args = ['--suite', 'all', '--expected-failures', recorded]
    const { code, output } = await suite('released', serveShipped, args)
    expect(code, output).toBe(0)
  })

  test.each([
    ['the fixtures', serveFixtures],
    ['the server that ships', serveShipped],
  ])('finds each message of %s valid by the schema of MCP', async (_, serve) => {
    const { checks } = await suite('next', serve, ['--requirements', '2025-11-25'])
    const schema = checks.filter(({ id }) => id === 'wire-schema-valid')
    expect(schema.length).toBeGreaterThan(25)
    expect(schema.filter(({ status }) => status !== 'SUCCESS')).toEqual([])
  })
})
