/** What this server keeps on the host, and the id of this installation. */
import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { configInvalid, shown } from '../errors.ts'
import { setAside } from '../set-aside.ts'
import { expectedDirectory } from './expected-directory.ts'

/** `$XDG_STATE_HOME/sandbox-mcp`, made if need be, for its owner only. `CONFIG_INVALID` when it cannot be. */
export function stateDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const path = statePath(env)
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return path
  } catch (error) {
    throw unusable(path, 'made', error)
  }
}

/** What `stateDirectory` would return. Makes nothing. */
export function expectedStateDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const path = statePath(env)
  try {
    expectedDirectory(path)
    return path
  } catch (error) {
    throw unusable(path, 'made', error)
  }
}

function statePath(env: NodeJS.ProcessEnv): string {
  const base = env.XDG_STATE_HOME || join(homedir(), '.local', 'state')
  return join(base, 'sandbox-mcp')
}

/**
 * The id that tells this installation's sandboxes from those of others on the same engine. Made once;
 * processes that start at the same time agree on one.
 */
export function installationId(state: string): string {
  const path = idPath(state)
  const made = join(state, `.installation-id-${randomBytes(6).toString('hex')}`)
  const read = () => knownInstallationId(state)
  const known = read()
  if (known !== undefined) return known
  writeFileSync(made, `${randomBytes(12).toString('hex')}\n`, { mode: 0o600 })
  try {
    linkSync(made, path)
  } catch (error) {
    // Another process was first; or what is there is damaged, and is of use to a person at most.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (read() === undefined) replace(path, made)
  } finally {
    rmSync(made, { force: true })
  }
  const id = read()
  if (id === undefined) {
    throw configInvalid(`${shown(path)} cannot be read`, 'Remove it; a new one is made.')
  }
  return id
}

/** The id of this installation, if it has one by now. Makes nothing. */
export function knownInstallationId(state: string): string | undefined {
  try {
    const id = readFileSync(idPath(state), 'utf8').trim()
    return /^[0-9a-f]{24}$/.test(id) ? id : undefined
  } catch {
    return undefined
  }
}

const idPath = (state: string) => join(state, 'installation-id')

const unusable = (path: string, what: string, error: unknown) =>
  configInvalid(
    `the state directory ${shown(path)} cannot be ${what}: ${(error as Error).message}`,
    'Set XDG_STATE_HOME to a directory that can be written.',
  )
function replace(damaged: string, made: string): void {
  try {
    setAside(damaged)
    linkSync(made, damaged)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    // Another process was first.
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error
  }
}
