/** The file systems of a sandbox that live in memory. Pure. */
import { shown } from '../../errors.ts'
import type { Mount } from '../../sandbox.ts'
import type { User } from './confinement.ts'
import { cleanPath, isBelow } from './paths-inside.ts'
import { refusal } from './refusal.ts'
import type { DockerSettings } from './settings.ts'

/** A writable home that is no host directory and no part of the image. */
export const home = '/home/sandbox'

const always = 'rw,nosuid,nodev,exec'
/** Where others than the user of commands write too. */
const modes: Record<string, string> = { '/run': '0755' }

const optionPattern =
  /^(rw|ro|(no)?(exec|suid|dev|atime|diratime)|(rel|strict)atime|(size|nr_blocks|nr_inodes)=\d+[kmg%]?|mode=[0-7]{3,4}|[ug]id=\d+|huge=\w+)$/i

/**
 * Mount options by path. Those that are set come last, where they win. A mount on the same path takes
 * its place; in the workspace there can be none, because file tools look at the host's files there.
 */
export function temporaryFiles(
  { tmpfs }: Pick<DockerSettings, 'tmpfs'>,
  mounts: readonly Mount[],
  user: User,
): Record<string, string> {
  const [workspace] = mounts
  const entries = tmpfs.map((entry): [string, string] => {
    const [given = '', ...rest] = entry.split(':')
    const path = cleanPath(given)
    const options = rest.join(':')
    if (path === undefined || path === '/') {
      throw refusal('tmpfs', entry, 'has no absolute path', 'Write "/tmp", or "/tmp:size=1g".')
    }
    for (const option of options === '' ? [] : options.split(',')) {
      if (optionPattern.test(option)) continue
      throw refusal(
        'tmpfs',
        entry,
        `has an unknown option ${shown(option)}`,
        'Use size=, mode=, ro.',
      )
    }
    if (workspace !== undefined && path !== workspace.sandbox && isBelow(path, workspace.sandbox)) {
      throw refusal(
        'tmpfs',
        entry,
        "is in the workspace, where file tools see the host's files",
        'Choose a path outside the workspace.',
      )
    }
    const base = `${always},mode=${modes[path] ?? '1777'}`
    return [path, options === '' ? base : `${base},${options}`]
  })
  const own = user.uid === undefined ? 'mode=1777' : owned(user)
  const all = { [home]: `${always},${own}`, ...Object.fromEntries(entries) }
  const covered = new Set(mounts.map((mount) => mount.sandbox))
  return Object.fromEntries(Object.entries(all).filter(([path]) => !covered.has(path)))
}

const owned = ({ uid, gid }: User) =>
  `uid=${uid}${gid === undefined ? '' : `,gid=${gid}`},mode=0755`
