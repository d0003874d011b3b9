/** `Match` of ssh_config(5): whether its criteria hold. */
import { hostname, userInfo } from 'node:os'
import { quote } from '../../posix-sh.ts'
import { filledIn } from './config-values.ts'
import { matchesPatterns } from './known-hosts.ts'

/** Whom the options are for. */
export interface Asked {
  /** The name as the user typed it. */
  readonly host: string
  /** The remote user and the port, where the target names them. */
  readonly user: string | undefined
  readonly port?: number | undefined
  readonly account: { readonly home: string; readonly user: string }
  /** Whether a command of `Match exec` succeeds; undefined where that is not known. */
  readonly succeeds?: ((command: string) => boolean | undefined) | undefined
}

/** What has been found out before a line. */
export interface SoFar {
  readonly options: Readonly<Record<string, string | undefined>>
  /** All files are read a second time. */
  readonly isFinal: boolean
  /** The name of the host, as it is now. */
  readonly host: string
}

/** Whether criteria ask for a second reading of all files. */
export const wantFinal = (words: readonly string[]): boolean =>
  words.some((word) => /^!?final$/i.test(word))

/** Undefined where it depends on what is not judged. */
export function criteriaHold(
  words: readonly string[],
  asked: Asked,
  soFar: SoFar,
): boolean | undefined {
  const left = [...words]
  let judged: true | undefined = true
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    const [, not, name = '', equals, value = ''] = /^(!?)([^=]*)(=?)(.*)$/s.exec(word) ?? []
    const isNegated = not === '!'
    const criterion = name.toLowerCase()
    if (criterion === 'all') {
      if (isNegated) return false
      continue
    }
    if (criterion === 'final' || criterion === 'canonical') {
      if (soFar.isFinal === isNegated) return false
      continue
    }
    const argument = equals === '=' ? value : left.shift()
    if (argument === undefined) return false
    const holds =
      criterion === 'exec'
        ? judged && execHolds(argument, asked, soFar)
        : subjectFits(criterion, argument, asked, soFar)
    if (holds === undefined) judged = undefined
    else if (holds === isNegated) return false
  }
  return judged
}

function subjectFits(
  criterion: string,
  argument: string,
  asked: Asked,
  { options, host }: SoFar,
): boolean | undefined {
  const subject = {
    host: currentHost(options.hostname, host).toLowerCase(),
    originalhost: asked.host.toLowerCase(),
    user: asked.user ?? options.user ?? asked.account.user,
    localuser: asked.account.user,
  }[criterion]
  if (subject === undefined) return undefined
  const patterns = argument.split(',')
  const spelled = criterion.endsWith('host') ? patterns.map((one) => one.toLowerCase()) : patterns
  return matchesPatterns(spelled, subject)
}

/** The host that a HostName stands for, where there is one. */
export const currentHost = (name: string | undefined, host: string): string =>
  name === undefined ? host : filledIn(name, { h: host })

/** Undefined too for a command with a token that is not known, or whose value is more than a word to a shell. */
function execHolds(command: string, asked: Asked, { options, host }: SoFar): boolean | undefined {
  const { account, succeeds } = asked
  const reached = currentHost(options.hostname, host)
  const tokens: Readonly<Record<string, string | undefined>> = {
    '%': '%',
    d: account.home,
    h: reached,
    i: String(userInfo().uid),
    k: options.hostkeyalias ?? reached,
    L: hostname().split('.')[0],
    l: hostname(),
    n: asked.host,
    p: String(asked.port ?? options.port ?? 22),
    r: asked.user ?? options.user ?? account.user,
    u: account.user,
  }
  let isKnown = true
  const filled = command.replace(/%(.?)/g, (_, letter: string) => {
    const value = tokens[letter]
    const isWord = value !== undefined && !value.startsWith('-') && quote(value) === value
    if (!isWord && letter !== '%') isKnown = false
    return value ?? ''
  })
  return isKnown ? succeeds?.(filled) : undefined
}
