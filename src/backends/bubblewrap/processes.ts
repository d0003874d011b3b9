/** Processes of the host: waiting for their end, and what they pass on. */
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive } from '../../process-identity.ts'
import type { ServerProcess } from '../../sandbox.ts'

/**
 * Waits until the process has ended, and kills it first unless it is to end `byItself`. Resolves with
 * false when it is still there after `deadlineMs`.
 */
export async function waitForEnd(
  identity: ServerProcess,
  deadlineMs: number,
  how: 'killed' | 'byItself',
): Promise<boolean> {
  const end = performance.now() + deadlineMs
  if (how === 'killed' && isAlive(identity)) signalKill(identity.pid)
  while (isAlive(identity)) {
    if (performance.now() > end) return false
    await sleep(2)
  }
  return true
}

function signalKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended in between, or is not ours: whoever waits for its end finds out.
  }
}

let inheritedOnes: Promise<readonly number[]> | undefined

/**
 * Descriptors that a child would get without being given them: those this process itself was started with,
 * some of which it may have closed since. What Node opens is closed on exec, so there are never more, and
 * they are looked for once: a server with many sessions has thousands open.
 */
export function inheritedDescriptors(): Promise<readonly number[]> {
  inheritedOnes ??= findInherited()
  return inheritedOnes
}

/** The system tells by the flag O_CLOEXEC (proc(5), fdinfo). */
async function findInherited(): Promise<readonly number[]> {
  const fds = (await readdir('/proc/self/fd')).map(Number).filter((fd) => fd > 2)
  const inherited = await Promise.all(
    fds.map(async (fd) => {
      const info = await readFile(`/proc/self/fdinfo/${fd}`, 'utf8').catch(() => '')
      const flags = /^flags:\s*([0-7]+)$/m.exec(info)?.[1]
      return flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0
    }),
  )
  return fds.filter((_, index) => inherited[index])
}

/** O_CLOEXEC, which `node:fs` does not name; the same number on all platforms Node has on Linux. */
const closeOnExec = 0o2000000
