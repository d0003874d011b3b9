/** What may stand for something else in a path of ssh_config(5): `~`, tokens, variables of the environment. */
import { hostname, userInfo } from 'node:os'
import { configInvalid, shown } from '../../errors.ts'

/** What tokens and variables stand for. */
export interface PathNames {
  readonly home: string
  /** Whose account it is on this machine. */
  readonly user: string
  readonly host: string
  readonly port: number
  readonly remoteUser: string
  /** The host as the user typed it, and as it is called in known_hosts. */
  readonly typed: string
  readonly alias: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The path that `text` stands for. `CONFIG_INVALID` for a token that is not known and a variable that is not set. */
export function expandedPath(text: string, names: PathNames): string {
  const tokens: Record<string, () => string> = {
    '%': () => '%',
    d: () => names.home,
    h: () => names.host,
    i: () => String(userInfo().uid),
    k: () => names.alias,
    L: () => hostname().split('.')[0] ?? '',
    l: hostname,
    n: () => names.typed,
    p: () => String(names.port),
    r: () => names.remoteUser,
    u: () => names.user,
  }
  return text
    .replace(/^~(?=\/)/, names.home)
    .replace(/%(.?)|\$\{([^}]*)\}/g, (whole, letter: string | undefined, variable = '') => {
      const value = letter === undefined ? names.env[variable] : tokens[letter]?.()
      if (value !== undefined && value !== '') return value
      throw configInvalid(
        `the path ${shown(text)} holds ${whole}, which stands for nothing here`,
        letter === undefined
          ? `Set ${variable} where this server is started, or write the path out there.`
          : 'Write the path out there, or with %d, %h, %i, %k, %L, %l, %n, %p, %r, %u and %%.',
      )
    })
}
