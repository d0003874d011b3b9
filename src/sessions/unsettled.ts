/**
 * Marks of sandboxes that may hold changes of their workspace that the host does not have. A mark is
 * written before anything can be changed inside, and goes once all of it has come back, so it is there
 * whenever a server is killed. Each use has one of its own: what one server has brought back says
 * nothing of what another has running.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { sandboxStartFailed, shown } from '../errors.ts'
import { pidSpace } from '../process-identity.ts'
import { errnoOf } from '../trees/host-failure.ts'
import { leaseCounts, leaseOwnerIsAlive } from './lease.ts'

const directoryOf = (state: string) => join(state, 'unsettled')

/**
 * Marks the use that has the lease `id`; durable when this returns. `SANDBOX_START_FAILED` where it
 * cannot be written: nothing may be changed in the sandbox then.
 */
export function markUnsettled(state: string, id: string): void {
  const directory = directoryOf(state)
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    writeFileSync(join(directory, id), pidSpace(), { mode: 0o600, flush: true })
    flushDirectory(directory)
  } catch (error) {
    throw sandboxStartFailed(
      `it cannot be noted in ${shown(directory)} that the sandbox will have changes the host has not: ${(error as Error).message}`,
      'Free space there or mend its permissions, then call again.',
      error,
    )
  }
}

/** Whether the use that has the lease `id` is marked. */
export const isMarked = (state: string, id: string) => existsSync(join(directoryOf(state), id))

/** All that this use has changed is on the host. */
export function unmark(state: string, id: string): void {
  rmSync(join(directoryOf(state), id), { force: true })
}

/** Marks one of which it is not known who used it, and how it was left. */
export function markUnknown(state: string, name: string): void {
  markUnsettled(state, `${name}.unknown`)
}

/** Whether the sandbox may hold changes that the host does not have; so it may where that cannot be read. */
export function isUnsettled(state: string, name: string): boolean {
  return marksOf(state, name)?.length !== 0
}

/**
 * Forgets the marks of a sandbox that is confirmed to be gone, but for those of uses that go on: they may be in
 * the next one already.
 */
export function forgetMarks(state: string, name: string): void {
  for (const id of marksOf(state, name) ?? []) {
    if (!leaseCounts(state, id)) unmark(state, id)
  }
}

/**
 * The marks of those who are done or dead, at this moment; `own` is not. What this gives forgets them; to be called
 * when a sync that began later has brought back everything.
 */
export function leftMarks(state: string, name: string, own?: string): () => void {
  const marks = marksOf(state, name) ?? []
  const left = marks.filter((id) => id !== own && isLeft(state, id))
  return () => {
    for (const id of left) unmark(state, id)
  }
}

/** Nothing of that use goes on any more. */
function isLeft(state: string, id: string): boolean {
  if (!leaseCounts(state, id)) return true
  let space: string
  try {
    space = readFileSync(join(directoryOf(state), id), 'utf8')
  } catch {
    return false
  }
  // A process that would be seen here and is not has ended, however lately it refreshed its lease.
  return space === pidSpace() && !leaseOwnerIsAlive(id)
}

/** Undefined where it cannot be read which there are. */
function marksOf(state: string, name: string): string[] | undefined {
  try {
    return readdirSync(directoryOf(state)).filter((id) => id.startsWith(`${name}.`))
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? [] : undefined
  }
}

/** Without it a file that was just made may be gone after a power cut. Not every system can. */
function flushDirectory(directory: string): void {
  let descriptor: number | undefined
  try {
    descriptor = openSync(directory, 'r')
    fsyncSync(descriptor)
  } catch {
    // It is as durable as it can be made here.
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}
