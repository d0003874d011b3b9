/**
 * When it is enough to ask a sandbox what it has that changed lately. The ctime of what changed cannot be
 * set by anybody, but it is only as good as the clock that stamps it and as what can be seen from the root:
 * so the clock must not have been set back since the last look, the file system must be one of the kernel
 * that the clock is of, and nothing may have been mounted. Where any of it is in doubt everything is listed.
 */

/** A moment in a sandbox, and what was mounted there. */
export interface Moment {
  /** Its clock, in seconds. */
  readonly now: number
  /** How long its kernel has been running: nobody sets this clock. */
  readonly up: number
  /** All of /proc/self/mountinfo. */
  readonly mounts: string
}

/**
 * More than the clock may have been set back without being noticed, what a clock in whole seconds leaves out
 * and the ticks in which a kernel counts, together.
 */
const marginSeconds = 5
/** More than the ticks in which kernels count the time of a change. */
export const tickSeconds = 0.05
/** So far the two clocks may drift apart between two looks; a clock that tells whole seconds takes most. */
const driftSeconds = 1.5

/** They stamp changes with the kernel's own clock, and what is renamed too. */
const localTypes = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'tmpfs', 'overlay'])

/** What changes after `moment` has a ctime that is younger than this, as long as `isSteady`. */
export function youngerThan({ now }: Moment): number {
  return Math.floor(now) - marginSeconds
}

/** Whether between the two moments the clock ran on, and nothing was mounted or unmounted. */
export function isSteady(before: Moment, after: Moment): boolean {
  const drift = after.now - after.up - (before.now - before.up)
  return Math.abs(drift) <= driftSeconds && before.mounts === after.mounts
}

/** Whether all below `root`, a real path in the sandbox, is on one file system of the sandbox's kernel. */
export function isLocal(root: string, { mounts }: Moment): boolean {
  let type: string | undefined
  let longest = -1
  for (const line of mounts.split('\n')) {
    if (line === '') continue
    const [, spelled, found] = /^\d+ \d+ \S+ \S+ (\S+) .*? - (\S+) /.exec(line) ?? []
    if (spelled === undefined) return false
    const point = spelled.replace(/\\([0-7]{3})/g, (_, octal) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    )
    if (point.startsWith(root === '/' ? root : `${root}/`) && point !== root) return false
    const isAbove = point === root || point === '/' || root.startsWith(`${point}/`)
    if (!isAbove || point.length < longest) continue
    longest = point.length
    type = found
  }
  return type !== undefined && localTypes.has(type)
}
