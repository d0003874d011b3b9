/** Files of a user's SSH settings that somebody else may change. */
import type { Stats } from 'node:fs'
import { configInvalid, shown } from '../../errors.ts'
import { quote } from '../../posix-sh.ts'
import { textOf } from './setting-file.ts'

/** As OpenSSH, which reads no such ssh_config of a user: it may name commands to run. */
export function refuseWritable(path: string): (stats: Stats) => void {
  return ({ uid, gid, mode }) => {
    const own = process.getuid?.()
    if (own === undefined) return
    const isOthers = (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && !isPrivateGroup(gid, uid))
    if ((uid === own || uid === 0) && !isOthers) return
    throw configInvalid(
      `others may change ${shown(path)} (owner ${uid}, group ${gid}, mode ${(mode & 0o777).toString(8)}), so what it says is not followed; ssh refuses it too`,
      `Make it yours, and run: chmod go-w ${quote(path)}`,
    )
  }
}

/** The machine's own lists, as group(5) and passwd(5) have them. */
const ownLists = () => ({ groups: textOf('/etc/group'), users: textOf('/etc/passwd') })

/** Whether the user of `uid` is in the group of `gid` and nobody else is; false where the lists do not tell. */
export function isPrivateGroup(gid: number, uid: number, { groups, users } = ownLists()): boolean {
  const lines = (text: string) => text.split('\n').map((line) => line.split(':'))
  const group = lines(groups).find(([, , id]) => id === String(gid))
  if (group === undefined) return false
  const members = (group[3] ?? '').split(',').filter(Boolean)
  const inIt = lines(users).filter(
    ([name = '', , , own]) => own === String(gid) || members.includes(name),
  )
  const known = inIt.map(([name]) => name)
  return (
    inIt.length > 0 &&
    inIt.every(([, , id]) => id === String(uid)) &&
    members.every((name) => known.includes(name))
  )
}
