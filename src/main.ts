#!/usr/bin/env node
/** The command `sandbox-mcp`. Exit codes: 0 done, 1 could not, 2 bad usage or settings. */
import packageJson from '../package.json' with { type: 'json' }
import { isSandboxError } from './errors.ts'
import { help, readSettings } from './settings.ts'

// Only MCP may appear on stdout, whatever a dependency prints.
console.log = console.error
console.info = console.error
console.debug = console.error

try {
  const request = readSettings(process.argv.slice(2), process.env)
  if (request.kind === 'help') process.stdout.write(help)
  else if (request.kind === 'version') process.stdout.write(`${packageJson.version}\n`)
  else {
    const { serve } = await import('./serve.ts')
    await serve(request.settings, packageJson.version)
  }
  process.exit(0)
} catch (error) {
  if (!isSandboxError(error)) throw error
  process.stderr.write(`sandbox-mcp: ${error.message}\n${error.hint}\n`)
  process.exit(error.code === 'CONFIG_INVALID' ? 2 : 1)
}
