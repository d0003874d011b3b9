/**
 * Real paths of the host that must still be real when they are used: what runs in a sandbox may put a
 * link in the place of any directory of the workspace, also of one on the way to another that is mounted.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
} from 'node:fs'

/** True where directories can be held by descriptors. */
export const canPin = process.platform === 'linux' && existsSync('/proc/self/fd')

/** Flag of Linux that Node does not name: a descriptor that only locates. */
export const O_PATH = 0o10000000
const { O_DIRECTORY, O_NOFOLLOW } = constants

/** A path of what a descriptor holds. */
export const pathOf = (descriptor: number) => `/proc/self/fd/${descriptor}`

/**
 * Opens what is at a path that was real, where `canPin`; whoever asks closes it. No link is followed, neither
 * on its way nor at its end: `ENOENT` for one, as what was there is there no more.
 */
export function openReal(path: string, flags: number): number {
  try {
    return openWithoutLinks(path, flags | O_NOFOLLOW)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw code === 'ENOTDIR' || code === 'ELOOP' ? notThere(path) : error
  }
}

/** What is at a path that was real; `ENOENT` as for `openReal`. */
export function statReal(path: string): Stats {
  if (!canPin) {
    if (realpathSync(path) !== path) throw notThere(path)
    return lstatSync(path)
  }
  const descriptor = openReal(path, O_PATH)
  try {
    const stats = fstatSync(descriptor)
    if (stats.isSymbolicLink()) throw notThere(path)
    return stats
  } finally {
    closeSync(descriptor)
  }
}

function openWithoutLinks(path: string, flags: number): number {
  const descriptor = openSync(path, flags)
  if (wayTo(descriptor) === path) return descriptor
  closeSync(descriptor)
  // It spells that way otherwise where case does not count.
  return stepByStep(path, flags)
}

/** The way on which the system reaches it, and that holds no link. Undefined where it is too long to be told. */
function wayTo(descriptor: number): string | undefined {
  try {
    return readlinkSync(pathOf(descriptor))
  } catch {
    return undefined
  }
}

function stepByStep(path: string, flags: number): number {
  const names = path.split('/').filter((name) => name !== '')
  let descriptor = openSync('/', O_PATH | O_DIRECTORY)
  for (const [at, name] of names.entries()) {
    const isLast = at === names.length - 1
    try {
      const next = `${pathOf(descriptor)}/${name}`
      const opened = openSync(next, isLast ? flags : O_PATH | O_DIRECTORY | O_NOFOLLOW)
      closeSync(descriptor)
      descriptor = opened
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
  }
  return descriptor
}

const notThere = (path: string) =>
  Object.assign(new Error(`${path} is there no more`), { code: 'ENOENT' })
