/**
 * What else is mounted below a directory of this machine. An engine brings it along into a sandbox, and
 * most make only the directory itself read-only there, not what is mounted below it.
 */
import { existsSync, readFileSync } from 'node:fs'
import type { Mount } from '../../sandbox.ts'
import { isBelow } from './paths-inside.ts'

/**
 * A read-only mount for each of `mountPoints` that lies below a read-only one of `mounts`. One of those that is
 * where it would be, or around that place, takes its place.
 */
export function readOnlyBelow(
  mounts: readonly Mount[],
  mountPoints: readonly string[],
): readonly Mount[] {
  const below = mounts.flatMap((mount) =>
    mount.writable
      ? []
      : mountPoints
          .filter((point) => point !== mount.host && isBelow(point, mount.host))
          .map((host) => ({ mount, host, sandbox: inside(mount, host) })),
  )
  return below
    .filter(({ mount, host, sandbox }) => innermost(sandbox, mounts) === mount && existsSync(host))
    .map(({ host, sandbox }) => ({ host, sandbox, writable: false }))
}

/** Where mounts are on this machine, as far as it tells; also where another hides one. */
export function mountPointsHere(): readonly string[] {
  try {
    const points = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .flatMap((line) => line.split(' ')[4] ?? [])
    return [...new Set(points.map(unescaped))].sort()
  } catch {
    return []
  }
}

/** Blanks, line ends and backslashes are three octal digits there. */
const unescaped = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)))

const inside = ({ host, sandbox }: Mount, point: string) =>
  `${sandbox}${point.slice(host === '/' ? 0 : host.length)}`

function innermost(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts
    .filter(({ sandbox }) => isBelow(path, sandbox))
    .sort((one, other) => other.sandbox.length - one.sandbox.length)[0]
}
