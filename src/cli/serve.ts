/** Without a subcommand: the server. */
import { refuseProblems } from '../config/judge.ts'
import { resolveSettings } from '../config/resolve.ts'
import { serve } from '../serve.ts'
import { readSettings } from './settings-file.ts'

/** Resolves when the client is gone. `CONFIG_INVALID` before anything is served. */
export async function run(argv: readonly string[], version: string): Promise<number> {
  if (argv.some((argument) => argument === '--help' || argument === '-h')) {
    process.stdout.write((await import('./help.ts')).help)
    return 0
  }
  if (argv.some((argument) => argument === '--version' || argument === '-v')) {
    process.stdout.write(`${version}\n`)
    return 0
  }
  const resolved = await resolveSettings(argv, process.env, readSettings)
  const { settings, warnings, filesRead, problems } = resolved
  for (const warning of warnings) console.error(`sandbox-mcp: ${warning}`)
  refuseProblems(problems)
  if (process.stdin.isTTY) {
    console.error('sandbox-mcp: waiting for an MCP client on stdin; --help says what else there is')
  }
  await serve(settings, version, filesRead)
  return 0
}
