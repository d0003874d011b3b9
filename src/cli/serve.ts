/** Without a subcommand: the server. */
import { resolveSettings } from '../config/resolve.ts'
import { refuseFilesIn } from '../config/untrusted-file.ts'
import { configInvalid } from '../errors.ts'
import { isNobodysChoice } from '../sessions/workspace-directory.ts'
import type { Settings } from '../settings.ts'
import { readFile } from './read-file.ts'

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
  const { settings, warnings, filesRead } = await resolveSettings(argv, process.env, readFile)
  for (const warning of warnings) console.error(`sandbox-mcp: ${warning}`)
  const workspace = settings.workspace?.path ?? process.cwd()
  if (!isNobodysChoice(workspace)) refuseFilesIn(workspace, filesRead)
  refuseWhatIsMissing(settings)
  const { serve } = await import('../serve.ts')
  await serve(settings, version)
  return 0
}

/** What can be set and is not served yet: nobody may get another thing than was asked for. */
function refuseWhatIsMissing({ mode, scope }: Settings): void {
  const missing = mode !== 'all' ? `mode ${mode}` : scope !== 'agent' ? `scope ${scope}` : undefined
  if (missing === undefined) return
  throw configInvalid(`${missing} is not supported yet`, 'Leave it out.')
}
