#!/usr/bin/env node
/**
 * The command `sandbox-mcp`. Exit codes: 0 done, 1 could not, 2 bad usage or settings. Every
 * subcommand is a file of its own, loaded when it is called: a server's start waits for no other.
 */
import packageJson from '../package.json' with { type: 'json' }
import type { CommandName } from './cli/commands.ts'
import { isSandboxError } from './errors.ts'

/** What follows the subcommand's name; resolves with the exit code. */
export type Subcommand = (argv: readonly string[], version: string) => Promise<number>

const subcommands: Readonly<Record<CommandName, () => Promise<{ readonly run: Subcommand }>>> = {
  list: () => import('./cli/list.ts'),
  explain: () => import('./cli/explain.ts'),
  recreate: () => import('./cli/recreate.ts'),
  prune: () => import('./cli/prune.ts'),
  doctor: () => import('./cli/doctor.ts'),
  init: () => import('./cli/init.ts'),
  config: () => import('./cli/config.ts'),
  completion: () => import('./cli/completion.ts'),
}

// Only MCP may appear on stdout, whatever a dependency prints.
console.log = console.error
console.info = console.error
console.debug = console.error

try {
  const argv = process.argv.slice(2)
  const [name = '', ...rest] = argv
  const { version } = packageJson
  if (Object.hasOwn(subcommands, name)) {
    const { run } = await subcommands[name as CommandName]()
    process.exit(await run(rest, version))
  }
  if (/^[a-z]/i.test(name)) (await import('./cli/unknown-command.ts')).refuse(name)
  const { run } = await import('./cli/serve.ts')
  process.exit(await run(argv, version))
} catch (error) {
  if (!isSandboxError(error)) throw error
  process.stderr.write(`sandbox-mcp: ${error.message}\n${error.hint}\n`)
  process.exit(error.code === 'CONFIG_INVALID' ? 2 : 1)
}
