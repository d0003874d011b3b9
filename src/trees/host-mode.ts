/** The mode of a file of the host, where its file system may keep none. */
import { errnoOf } from './host-failure.ts'

/** Gives a mode, by `set`, to a file that this process has just made: who may do that is only refused what is not kept. */
export function giveMode(set: () => void): void {
  try {
    set()
  } catch (error) {
    if (!isModeRefusal(error)) throw error
  }
}

/** Whether a system says so of a mode that it does not keep, as of that of a file of somebody else. */
export function isModeRefusal(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoOf(error) ?? '')
}
