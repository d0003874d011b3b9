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
  /** How long its kernel had been running, before and after its clock was read: nobody sets this clock. */
  readonly up: readonly [number, number]
  /** All of /proc/self/mountinfo. */
  readonly mounts: string
}

/** More than the ticks in which kernels count the time of a change. */
export const tickSeconds = 0.05

interface Precision {
  /** So far apart the two clocks may drift between two looks. */
  readonly drift: number
  /** So long it may take to read them. */
  readonly reading: number
  /** More than the clock can have been set back unnoticed, and a tick. */
  readonly margin: number
}

const fine: Precision = { drift: 0.1, reading: 0.05, margin: 0.5 }
/** Of a clock that tells whole seconds. */
const coarse: Precision = { drift: 1.5, reading: 1, margin: 5 }

const precisionOf = ({ now }: Moment) => (Number.isInteger(now) ? coarse : fine)

/** They stamp changes with the kernel's own clock, and what is renamed too. */
const localTypes = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'tmpfs', 'overlay'])

/** What changes after `moment` has a ctime that is younger than this, as long as `isSteady`. */
export function youngerThan(moment: Moment): number {
  return moment.now - precisionOf(moment).margin
}

/** Whether between the two moments the clock ran on, and nothing was mounted or unmounted. */
export function isSteady(before: Moment, after: Moment): boolean {
  const { drift, reading } = precisionOf(before)
  if (precisionOf(after) !== precisionOf(before)) return false
  const isPrompt = ({ up: [first, second] }: Moment) => second - first <= reading
  const apart = after.now - after.up[0] - (before.now - before.up[0])
  const isOn = Math.abs(apart) <= drift && isPrompt(before) && isPrompt(after)
  return isOn && before.mounts === after.mounts
}

/** Whether all below `root`, a real path, is on one file system of the kernel that told of the mounts. */
export function isLocal(root: string, { mounts }: Pick<Moment, 'mounts'>): boolean {
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
