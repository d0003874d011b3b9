/** Nothing found in a workspace, or in what else commands can write, is configuration. */
import { realpathSync } from 'node:fs'
import { isAbsolute, relative } from 'node:path'
import { configInvalid, shown } from '../errors.ts'

/** `CONFIG_INVALID` for a file that was read and that commands in the sandbox can change. */
export function refuseFilesIn(workspace: string, filesRead: readonly string[]): void {
  const root = real(workspace)
  const inside = filesRead.find((file) => {
    const path = relative(root, real(file))
    return path !== '..' && !path.startsWith('../') && !isAbsolute(path)
  })
  if (inside === undefined) return
  throw configInvalid(
    `the settings in ${shown(inside)} are refused: they are in ${shown(workspace)}, where they can be changed from the sandbox`,
    'Move the file out of the workspace, to ~/.config/sandbox-mcp/config.json5 for example.',
  )
}

function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
