/**
 * Claims of server processes that a sandbox is in use: a file each, which counts as long as its process
 * lives or has refreshed it lately. The second is for servers that do not see each other's processes,
 * in containers that share the state directory; each file names where its process can be seen.
 */
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { isAlive, pidSpace, thisProcess } from '../process-identity.ts'
import type { OpenContext } from '../sandbox.ts'
import { errnoOf } from '../trees/host-failure.ts'
import { holding } from '../trees/workspace-lock.ts'
import { stateUnwritable } from './state-directory.ts'

/** How long a lease counts that is not refreshed and whose process cannot be seen here. */
const lastsMs = 60_000

export interface Lease {
  /** Begins with the sandbox's name and a dot. */
  readonly id: string
  refresh(): void
  /** Safe to repeat. */
  release(): void
}

const directoryOf = (state: string) => join(state, 'leases')
const idPattern = /\.(\d+)-(\d*)-[0-9a-f]{12}$/
const lockKey = (name: string) => `use of ${name}`

/**
 * Resolves when no process is removing the sandbox, and none will until the lease is released.
 * `CONFIG_INVALID` when the state directory cannot be written.
 */
export async function takeLease(
  state: string,
  name: string,
  { signal, report }: OpenContext,
): Promise<Lease> {
  const directory = directoryOf(state)
  const { pid, started } = thisProcess()
  const id = `${name}.${pid}-${started}-${randomBytes(6).toString('hex')}`
  const file = join(directory, id)
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    writeFileSync(file, pidSpace(), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    throw stateUnwritable(state, error)
  }
  const release = () => rmSync(file, { force: true })
  try {
    // Whoever removes it looks for leases in this turn: it has seen ours, or is done.
    const waiting = () => report(`sandbox ${name} is being removed; it is opened anew`)
    await holding(lockKey(name), async () => {}, signal, waiting)
  } catch (error) {
    release()
    throw error
  }
  return { id, refresh: () => refresh(file), release }
}

/**
 * Runs `run` unless the sandbox is in use, and keeps everybody from using it meanwhile; false when it
 * is in use.
 */
export async function whileUnused(
  state: string,
  name: string,
  run: () => Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  return holding(
    lockKey(name),
    async () => {
      if (isLeased(state, name)) return false
      await run()
      return true
    },
    signal,
  )
}

/** Runs `run`, and keeps everybody from beginning to use the sandbox meanwhile; those who use it go on. */
export const whileNobodyBegins = (
  name: string,
  run: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> => holding(lockKey(name), run, signal)

/**
 * Whether any process uses the sandbox; true as well where that cannot be read. Forgets the leases that do not count
 * any more.
 */
export function isLeased(state: string, name: string): boolean {
  const directory = directoryOf(state)
  let files: string[]
  try {
    files = readdirSync(directory)
  } catch (error) {
    return errnoOf(error) !== 'ENOENT'
  }
  const mine = files.filter((file) => file.startsWith(`${name}.`))
  const counting = mine.filter((file) => counts(directory, file))
  for (const file of mine) {
    if (!counting.includes(file)) rmSync(join(directory, file), { force: true })
  }
  return counting.length > 0
}

/** Whether the lease of that id is held. */
export const leaseCounts = (state: string, id: string) =>
  existsSync(join(directoryOf(state), id)) && counts(directoryOf(state), id)

/** Whether the process that took the lease is seen on this machine. */
export function leaseOwnerIsAlive(id: string): boolean {
  const [, pid, started] = idPattern.exec(id) ?? []
  return started !== undefined && isAlive({ pid: Number(pid), started })
}

function counts(directory: string, file: string): boolean {
  if (!idPattern.test(file)) return false
  if (leaseOwnerIsAlive(file)) return true
  const path = join(directory, file)
  try {
    const space = readFileSync(path, 'utf8')
    if (space !== '' && space === pidSpace()) return false
    return Date.now() - statSync(path).mtimeMs < lastsMs
  } catch (error) {
    return errnoOf(error) !== 'ENOENT'
  }
}

function refresh(file: string): void {
  const now = new Date()
  try {
    utimesSync(file, now, now)
  } catch {
    // Somebody cleared the state directory: the lock and the next lease still hold.
  }
}
