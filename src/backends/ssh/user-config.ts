/**
 * The part of the user's ssh_config(5) that says how a host is reached. Of `Match`, criteria about the
 * host and the users are judged; a block with any other is passed over, as it may run commands or stand
 * for what this server does not do.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { matchesPatterns } from './known-hosts.ts'

/** What a host's blocks say; a key that none of them sets is absent. */
export interface HostOptions {
  readonly hostname?: string
  readonly user?: string
  readonly port?: string
  /** Of this and the next the first that is set counts, and the other is absent. */
  readonly proxyjump?: string
  /** As it stands, with its quotes. */
  readonly proxycommand?: string
  readonly proxyusefdpass?: string
  readonly hostkeyalias?: string
  readonly identitiesonly?: string
  readonly identityagent?: string
  readonly userknownhostsfile?: string
  readonly stricthostkeychecking?: string
  readonly connecttimeout?: string
  /** All of them, in order, as of the next; every other key keeps the first value it gets. */
  readonly identityfile: readonly string[]
  readonly certificatefile: readonly string[]
}

/** Whom the options are for. */
export interface Asked {
  /** The name as the user typed it. */
  readonly host: string
  /** The remote user, where the target names one. */
  readonly user: string | undefined
  readonly account: { readonly home: string; readonly user: string }
}

const keys = new Set([
  'hostname',
  'user',
  'port',
  'proxyusefdpass',
  'hostkeyalias',
  'identitiesonly',
  'identityagent',
  'userknownhostsfile',
  'stricthostkeychecking',
  'connecttimeout',
])

/** How many files may include one another before it is taken for a loop. */
const maxDepth = 16

/** What `file` says to `asked`. A file that is not there says nothing. */
export function hostOptions(file: string, asked: Asked): HostOptions {
  const options: Record<string, string> = {}
  const many = { identityfile: [] as string[], certificatefile: [] as string[] }
  readLines(file, 0)
  return { ...options, ...many }

  function readLines(path: string, depth: number): void {
    let applies = true
    for (const line of textOf(path).split(/\r?\n/)) {
      const { key, rest } = keyword(line)
      const values = words(rest)
      const [value] = values
      if (value === undefined) continue
      if (key === 'host') applies = matchesPatterns(values, asked.host)
      else if (key === 'match') applies = matches(values, asked, options)
      else if (!applies) continue
      else if (key === 'include' && depth < maxDepth) {
        for (const included of values.flatMap((name) => includedFiles(name, asked.account.home))) {
          readLines(included, depth + 1)
        }
      } else if (key === 'identityfile' || key === 'certificatefile') many[key].push(value)
      else if (key === 'proxyjump' || key === 'proxycommand') {
        if (options.proxyjump === undefined && options.proxycommand === undefined) {
          options[key] = key === 'proxycommand' ? rest : value
        }
      } else if (keys.has(key)) options[key] ??= values.join(' ')
    }
  }
}

function matches(words: readonly string[], asked: Asked, so: Record<string, string>): boolean {
  const left = [...words]
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    const criterion = word.replace(/^!/, '').toLowerCase()
    if (criterion === 'all') continue
    const subject = {
      host: so.hostname?.replaceAll('%h', asked.host) ?? asked.host,
      originalhost: asked.host,
      user: asked.user ?? so.user ?? asked.account.user,
      localuser: asked.account.user,
    }[criterion]
    const patterns = left.shift()?.split(',')
    if (subject === undefined || patterns === undefined) return false
    if (matchesPatterns(patterns, subject) === word.startsWith('!')) return false
  }
  return true
}

/** A line's keyword in lower case, and what follows it. */
function keyword(line: string): { key: string; rest: string } {
  const match = /^\s*([A-Za-z][A-Za-z0-9]*)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line)
  return { key: match?.[1]?.toLowerCase() ?? '', rest: match?.[2] ?? '' }
}

/** Arguments with their quotes taken off; a comment ends them. */
function words(rest: string): string[] {
  const values: string[] = []
  for (const [word, quoted] of rest.matchAll(/"([^"]*)"|[^\s"]+/g)) {
    if (quoted === undefined && word.startsWith('#')) break
    values.push(quoted ?? word)
  }
  return values
}

/** Relative names are below ~/.ssh; wildcards are followed in the last component. */
function includedFiles(name: string, home: string): string[] {
  const path = name.startsWith('~/') ? join(home, name.slice(2)) : name
  const full = isAbsolute(path) ? path : join(home, '.ssh', path)
  if (!/[*?]/.test(full)) return [full]
  const folder = dirname(full)
  try {
    return readdirSync(folder)
      .filter((entry) => !entry.startsWith('.') && matchesPatterns([basename(full)], entry))
      .sort()
      .map((entry) => join(folder, entry))
  } catch {
    return []
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
