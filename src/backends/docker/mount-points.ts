/**
 * Makes, on the host, the places that mounts and memory file systems need inside other mounts. An
 * engine would make them itself, as root, and leave root's directories in the workspace.
 */
import {
  closeSync,
  constants,
  fchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  writeFileSync,
} from 'node:fs'
import { join, posix } from 'node:path'
import { sandboxStartFailed, shown } from '../../errors.ts'
import { canPin, openReal, pathOf } from '../../real-paths.ts'
import type { Mount, SandboxSpec } from '../../sandbox.ts'
import { isBelow } from './paths-inside.ts'

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants

/**
 * `temporary` are paths inside of memory file systems. What is made belongs to `owner`. No link is
 * followed: `SANDBOX_START_FAILED` when one is in the way, or when nothing can be made there.
 */
export function makeMountPoints(
  mounts: readonly Mount[],
  temporary: readonly string[],
  owner: SandboxSpec['owner'],
): void {
  const points = [
    ...mounts.map(({ host, sandbox }) => ({ sandbox, isFile: !lstatSync(host).isDirectory() })),
    ...temporary.map((sandbox) => ({ sandbox, isFile: false })),
  ]
  for (const { sandbox, isFile } of points) {
    const outer = enclosing(sandbox, mounts)
    if (outer === undefined) continue
    const rest = posix.relative(outer.sandbox, sandbox)
    try {
      makePoint(outer.host, rest.split('/'), isFile, owner)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const isInTheWay = code === 'ENOTDIR' || code === 'ELOOP' || code === 'EISDIR'
      throw sandboxStartFailed(
        `${shown(join(outer.host, rest))}, where ${sandbox} is to be mounted, ${isInTheWay ? 'is a link or of another kind' : `cannot be made: ${message}`}`,
        'Remove what is there or let the server write there, or choose another target.',
        error,
      )
    }
  }
}

/** The mount that a path lies in, the innermost of several. */
function enclosing(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts
    .filter(({ sandbox }) => sandbox !== path && isBelow(path, sandbox))
    .sort((one, other) => other.sandbox.length - one.sandbox.length)[0]
}

function makePoint(
  root: string,
  names: readonly string[],
  isFile: boolean,
  owner: SandboxSpec['owner'],
): void {
  const held: number[] = []
  let directory = root
  const enter = (path: string, open: typeof openReal, isNew: boolean) => {
    const descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    held.push(descriptor)
    if (isNew) giveTo(descriptor, owner)
    directory = canPin ? pathOf(descriptor) : path
  }
  try {
    enter(root, canPin ? openReal : openSync, false)
    for (const [at, name] of names.entries()) {
      const path = join(directory, name)
      if (isFile && at === names.length - 1) makeFile(path, owner)
      else enter(path, openSync, makeDirectory(path))
    }
  } finally {
    held.forEach(closeSync)
  }
}

function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o755 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function makeFile(path: string, owner: SandboxSpec['owner']): void {
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o644 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (lstatSync(path).isFile()) return
    throw Object.assign(new Error('it is no file'), { code: 'EISDIR' })
  }
  const descriptor = openSync(path, O_RDONLY | O_NOFOLLOW)
  try {
    giveTo(descriptor, owner)
  } finally {
    closeSync(descriptor)
  }
}

/** Only root can give files away; others make what is their own. */
function giveTo(descriptor: number, { uid, gid }: SandboxSpec['owner']): void {
  if (process.getuid?.() === 0) fchownSync(descriptor, uid, gid)
}
