/** Which directory of the user's a session is about, of all that may name one. */
import { fileURLToPath } from 'node:url'
import { isSandboxError, type SandboxError } from '../errors.ts'
import type { Settings } from '../settings.ts'
import { isNobodysChoice, workspaceDirectory } from './workspace-directory.ts'

export interface WorkspaceChoice {
  /** Its real path; undefined where none was chosen, and a private one takes its place. */
  readonly path: string | undefined
  /** Who named it, in words. */
  readonly source: string
  /** What its user must know of the choice, each a sentence without the full stop. */
  readonly notes: readonly string[]
}

/**
 * The settings' directory, else the first usable one of `roots`, else the current directory, else none.
 * `roots` are a client's, as URIs. Throws `CONFIG_INVALID` for a directory of the settings that may not
 * be a workspace; a root that may not be one is passed over and noted.
 */
export function chooseWorkspace(
  { workspace }: Pick<Settings, 'workspace'>,
  roots: readonly string[] = [],
  current = process.cwd(),
): WorkspaceChoice {
  if (workspace !== undefined) {
    const { path, source } = workspace
    return { path: workspaceDirectory(path, source), source, notes: [] }
  }
  const notes: string[] = []
  for (const root of roots) {
    const found = rootDirectory(root)
    if (typeof found === 'string') return { path: found, source: 'a root of the client', notes }
    notes.push(`${found.message}; it was passed over`)
  }
  if (!isNobodysChoice(current)) {
    const source = 'the current directory'
    return { path: workspaceDirectory(current, source), source, notes }
  }
  notes.push(
    `no workspace was named, and the current directory ${current} is no project: /workspace is a private, empty directory at first. Start the server with --workspace to work on a project`,
  )
  return { path: undefined, source: 'nobody', notes }
}

/** Whether the choice has to wait for what the client's roots are. */
export const dependsOnRoots = ({ workspace }: Pick<Settings, 'workspace'>) =>
  workspace === undefined

/** The real path of the directory that a root names, or why it cannot be a workspace. */
function rootDirectory(uri: string): string | SandboxError | { readonly message: string } {
  const source = 'a root of the client'
  let path: string
  try {
    path = fileURLToPath(uri)
  } catch {
    return {
      message: `${source}, ${JSON.stringify(uri.slice(0, 200))}, is no directory of this machine`,
    }
  }
  try {
    return workspaceDirectory(path, source)
  } catch (error) {
    if (isSandboxError(error)) return error
    throw error
  }
}
