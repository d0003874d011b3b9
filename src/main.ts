#!/usr/bin/env node
/**
 * The command `sandbox-mcp`. Exit codes: 0 done, 1 could not, 2 bad usage or settings. Every
 * subcommand is a file of its own, loaded when it is called: a server's start waits for no other.
 */
import packageJson from '../package.json' with { type: 'json' }
import { isSandboxError } from './errors.ts'

/** What follows the subcommand's name; resolves with the exit code. */
export type Subcommand = (argv: readonly string[], version: string) => Promise<number>

const subcommands: Readonly<Record<string, () => Promise<{ readonly run: Subcommand }>>> = {
  config: () => import('./cli/config.ts'),
}

// Only MCP may appear on stdout, whatever a dependency prints.
console.log = console.error
console.info = console.error
console.debug = console.error

try {
  const argv = process.argv.slice(2)
  const [name = '', ...rest] = argv
  const { version } = packageJson
  const load = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined
  if (load !== undefined) process.exit(await (await load()).run(rest, version))
  const { run } = await import('./cli/serve.ts')
  process.exit(await run(argv, version))
} catch (error) {
  if (!isSandboxError(error)) throw error
  process.stderr.write(`sandbox-mcp: ${error.message}\n${error.hint}\n`)
  process.exit(error.code === 'CONFIG_INVALID' ? 2 : 1)
}
