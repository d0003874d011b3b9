/** Who commands run as and what the kernel keeps from them. Pure. */
import { isAbsolute } from 'node:path'
import type { SandboxSpec } from '../../sandbox.ts'
import { refusal } from './refusal.ts'
import type { DockerSettings } from './settings.ts'

export interface User {
  /** As the engine wants it. */
  readonly text: string
  /** Undefined for a name, which only the image can resolve. */
  readonly uid?: number
  readonly gid?: number
}

/** The user that was set, else the numbers of the workspace's owner. */
export function userOf({ user }: DockerSettings, owner: SandboxSpec['owner']): User {
  if (user === undefined) return { ...owner, text: `${owner.uid}:${owner.gid}` }
  const [, name = '', group] =
    /^(\d+|[a-z_][a-z0-9_.-]*)(?::(\d+|[a-z_][a-z0-9_.-]*))?$/i.exec(user) ?? []
  const isNumber = (text: string | undefined) => text === undefined || /^\d+$/.test(text)
  const tooLarge = [name, group].some((text) => isNumber(text) && Number(text ?? 0) > 4294967294)
  if (name === '' || tooLarge) {
    throw refusal('user', user, 'is not a user', 'Write "uid:gid", as "id -u" and "id -g" tell.')
  }
  if (!isNumber(name) || !isNumber(group)) return { text: user }
  return {
    text: user,
    uid: Number(name),
    ...(group === undefined ? {} : { gid: Number(group) }),
  }
}

export function capDrop({ capDrop: dropped }: DockerSettings): string[] {
  for (const name of dropped) {
    if (/^(all|(cap_)?[a-z_]{3,40})$/i.test(name)) continue
    throw refusal('capDrop', name, 'is no capability', 'Write "ALL", or names such as "NET_RAW".')
  }
  return [...dropped]
}

/**
 * Never fewer than `no-new-privileges`. `seccomp` is what the engine wants of the profile that
 * `seccompProfile` names: its text, or its path.
 */
export function securityOptions(settings: DockerSettings, seccomp: string | undefined): string[] {
  const { apparmorProfile: apparmor } = settings
  checkSeccompPath(settings)
  if (apparmor !== undefined) {
    if (isUnconfined(apparmor)) throw unconfined('apparmorProfile', apparmor)
    if (!/^[\w./-]{1,200}$/.test(apparmor)) {
      throw refusal(
        'apparmorProfile',
        apparmor,
        'is no profile',
        'Name one that "aa-status" lists.',
      )
    }
  }
  return [
    'no-new-privileges',
    ...(seccomp === undefined ? [] : [`seccomp=${seccomp}`]),
    ...(apparmor === undefined ? [] : [`apparmor=${apparmor}`]),
  ]
}

function checkSeccompPath({ seccompProfile: path }: DockerSettings): void {
  if (path === undefined) return
  if (isUnconfined(path)) throw unconfined('seccompProfile', path)
  if (!isAbsolute(path)) {
    throw refusal(
      'seccompProfile',
      path,
      'is not an absolute path',
      "Give the profile's full path.",
    )
  }
}

const isUnconfined = (profile: string) => profile.trim().toLowerCase() === 'unconfined'

function unconfined(key: 'seccompProfile' | 'apparmorProfile', value: string) {
  return refusal(
    key,
    value,
    'is refused: it takes a wall away',
    "Leave the key out to have the engine's own profile, or name another.",
  )
}
