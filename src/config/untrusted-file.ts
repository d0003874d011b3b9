/** Nothing found in a workspace, or in what else commands can write, is configuration. */
import { realpathSync } from 'node:fs'
import { isAbsolute, relative } from 'node:path'
import { configInvalid, shown } from '../errors.ts'
import type { Settings } from '../settings.ts'

/** The files of the host that say what a sandbox may: those that settings were read from, and those that they name. */
export function rulingFiles(
  { backend, docker, openshell }: Settings,
  filesRead: readonly string[],
): string[] {
  const isDockers = backend === 'auto' || backend === 'docker'
  const named = [
    isDockers ? docker.seccompProfile : undefined,
    backend === 'openshell' ? openshell.policy : undefined,
  ]
  return [...filesRead, ...named.filter((file) => file !== undefined)]
}

/** `CONFIG_INVALID` when one of the files is where commands in the sandbox can change it. */
export function refuseFilesIn(workspace: string, files: readonly string[]): void {
  const root = real(workspace)
  const inside = files.find((file) => {
    const path = relative(root, real(file))
    return path !== '..' && !path.startsWith('../') && !isAbsolute(path)
  })
  if (inside === undefined) return
  throw configInvalid(
    `${shown(inside)} is refused: it says what the sandbox may, and is in ${shown(workspace)}, where commands can change it`,
    'Move the file out of the workspace, to ~/.config/sandbox-mcp/ for example.',
  )
}

function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
