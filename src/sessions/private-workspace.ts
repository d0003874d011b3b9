/** Workspaces of our own on the host, in one directory; see `privateWorkspaces`. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { configInvalid, shown } from '../errors.ts'
import { isAlive } from '../process-identity.ts'
import type { ServerProcess } from '../sandbox.ts'
import type { Settings } from '../settings.ts'
import { expectedDirectory } from './expected-directory.ts'
import { isLeased } from './lease.ts'
import { readUse } from './use-record.ts'

/** How long one is kept whose server is not seen here: it may be in another container, and idle. */
export const keptMs = 24 * 3_600_000

/** The directory that holds them all. */
export const privateWorkspaces = (
  { workspaceRoot }: Pick<Settings, 'workspaceRoot'>,
  state: string,
): string => workspaceRoot ?? join(state, 'workspaces')

/**
 * The real path of the one of that key, made if need be: for a server that was started where no project
 * is, and for sandboxes that must not change the project. Only its owner can enter it: `owner`, where
 * this process may give it away. `CONFIG_INVALID` when it cannot be made.
 */
export function privateWorkspace(
  directory: string,
  key: string,
  owner?: { readonly uid: number; readonly gid: number },
): string {
  const made = join(directory, key)
  try {
    mkdirSync(made, { recursive: true, mode: 0o700 })
    const path = realpathSync(made)
    chmodSync(path, 0o700)
    if (owner !== undefined && process.getuid?.() === 0) chownSync(path, owner.uid, owner.gid)
    return path
  } catch (error) {
    throw notMade(made, error)
  }
}

/** What `privateWorkspace` would return. Makes nothing. */
export function expectedPrivateWorkspace(directory: string, key: string): string {
  const path = join(directory, key)
  try {
    return expectedDirectory(path)
  } catch (error) {
    throw notMade(path, error)
  }
}

const notMade = (path: string, error: unknown) =>
  configInvalid(
    `the private workspace ${shown(path)} cannot be made: ${(error as Error).message}`,
    'Set workspaceRoot, or XDG_STATE_HOME, to a directory that can be written.',
  )

/** The key of one that ends with the server. */
export const ephemeralKey = (name: string, { pid, started }: ServerProcess) =>
  `ephemeral-${pid}-${started}-${name}`

/** Removes it with all that is in it. Harmless when there is none. */
export function removePrivateWorkspace(directory: string, key: string): void {
  rmSync(join(directory, key), { recursive: true, force: true })
}

/**
 * Removes those of servers that are gone without having removed them, a day after the last use. Never
 * throws: what cannot be removed now is tried again at another start.
 */
export function sweepPrivateWorkspaces(directory: string, state: string): void {
  for (const key of keysIn(directory)) {
    try {
      const [, pid, started, name] = /^ephemeral-(\d+)-(\d*)-(sbx-.+)$/.exec(key) ?? []
      if (pid === undefined || started === undefined || name === undefined) continue
      if (isAlive({ pid: Number(pid), started }) || isLeased(state, name)) continue
      const usedMs = readUse(state, name)?.usedMs ?? 0
      const lastMs = Math.max(statSync(join(directory, key)).mtimeMs, usedMs)
      if (Date.now() - lastMs > keptMs) removePrivateWorkspace(directory, key)
    } catch {
      // The others can be removed all the same.
    }
  }
}

function keysIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
