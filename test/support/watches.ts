import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { expect } from 'vitest'
import { WatchPulse } from '../../src/sync/host/watch-pulse.ts'

/** How much of the file system this process watches. */
export const watches = () => {
  const isQueue = (fd: string) => linkOf(`/proc/self/fd/${fd}`) === 'anon_inode:inotify'
  const told = readdirSync('/proc/self/fd')
    .filter(isQueue)
    .map((fd) => readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))
  return told.join('').match(/^inotify wd:/gm)?.length ?? 0
}
const linkOf = (path: string) => {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/** Until this process has been told of all that was changed before. What the kernel keeps is told in order. */
export async function untilTold(): Promise<void> {
  const told = new WatchPulse()
  await expect.poll(() => told.beat()).toBe(true)
  told.close()
}
