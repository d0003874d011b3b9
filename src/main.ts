#!/usr/bin/env node
/**
 * The command `sandbox-mcp`. Exit codes: 0 done, 1 could not, 2 bad usage or settings. What a server's
 * start needs is one file, and no more than that: the rest is loaded when it is called for.
 */
import packageJson from '../package.json' with { type: 'json' }
import { run as serve } from './cli/serve.ts'
import { isSandboxError } from './errors.ts'
import { keepYoungGenerationSmall } from './young-generation.ts'

/** What follows the subcommand's name; resolves with the exit code. */
export type Subcommand = (argv: readonly string[], version: string) => Promise<number>

// Only MCP may appear on stdout, whatever a dependency prints.
console.log = console.error
console.info = console.error
console.debug = console.error

keepYoungGenerationSmall()

async function main(): Promise<number> {
  const argv = process.argv.slice(2)
  const [name = '', ...rest] = argv
  const { version } = packageJson
  if (/^[a-z]/i.test(name)) {
    const { subcommands } = await import('./cli/subcommands.ts')
    const run = new Map<string, Subcommand>(Object.entries(subcommands)).get(name)
    if (run !== undefined) return run(rest, version)
    ;(await import('./cli/unknown-command.ts')).refuse(name)
  }
  return serve(argv, version)
}

main().then(process.exit, (error: unknown) => {
  if (!isSandboxError(error)) throw error
  process.stderr.write(`sandbox-mcp: ${error.message}\n${error.hint}\n`)
  process.exit(error.code === 'CONFIG_INVALID' ? 2 : 1)
})
