/** An SSH target as a user writes it. */
import { configInvalid, shown } from '../../errors.ts'

export interface Target {
  readonly host: string
  readonly user: string | undefined
  readonly port: number | undefined
}

/**
 * `[user@]host[:port]`, with or without `ssh://`; an IPv6 address with a port is in brackets.
 * `CONFIG_INVALID` for anything else.
 */
export function parseTarget(text: string): Target {
  const match =
    /^(?:ssh:\/\/)?(?:([^\s-]\S*)@)?(?:\[([0-9A-Fa-f:.%\w]+)\]|([\w.][\w.-]*|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*))(?::(\d{1,5}))?\/?$/.exec(
      text,
    )
  const [, user, bracketed, plain, digits] = match ?? []
  const host = bracketed ?? plain
  const port = digits === undefined ? undefined : Number(digits)
  if (host === undefined || port === 0 || (port ?? 0) > 65_535) {
    throw configInvalid(
      `${shown(text)} is not an SSH target`,
      'Write user@host, user@host:port, or the name of a host in ~/.ssh/config.',
    )
  }
  return { host, user, port }
}
