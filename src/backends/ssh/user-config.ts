/**
 * The part of the user's ssh_config(5) that says how a host is reached. `Match` blocks other than
 * `Match all` are passed over: their criteria can run commands.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { matchesPatterns } from './known-hosts.ts'

/** What a host's blocks say; a key that none of them sets is absent. */
export interface HostOptions {
  readonly hostname?: string
  readonly user?: string
  readonly port?: string
  readonly proxyjump?: string
  readonly proxycommand?: string
  readonly hostkeyalias?: string
  readonly identitiesonly?: string
  readonly identityagent?: string
  readonly userknownhostsfile?: string
  readonly stricthostkeychecking?: string
  readonly connecttimeout?: string
  /** All of them, in order; every other key keeps the first value it gets. */
  readonly identityfile: readonly string[]
}

const keys = new Set([
  'hostname',
  'user',
  'port',
  'proxyjump',
  'proxycommand',
  'hostkeyalias',
  'identitiesonly',
  'identityagent',
  'userknownhostsfile',
  'stricthostkeychecking',
  'connecttimeout',
])

/** How many files may include one another before it is taken for a loop. */
const maxDepth = 16

/** What `file` says about `host`, the name as the user typed it. A file that is not there says nothing. */
export function hostOptions(file: string, host: string, home: string): HostOptions {
  const options: Record<string, string> = {}
  const identityfile: string[] = []
  readLines(file, 0)
  return { ...options, identityfile }

  function readLines(path: string, depth: number): void {
    let applies = true
    for (const line of textOf(path).split(/\r?\n/)) {
      const [key, ...values] = words(line)
      const [value] = values
      if (key === undefined || value === undefined) continue
      if (key === 'host') applies = matchesPatterns(values, host)
      else if (key === 'match') applies = values.length === 1 && value.toLowerCase() === 'all'
      else if (!applies) continue
      else if (key === 'include' && depth < maxDepth) {
        for (const included of values.flatMap((name) => includedFiles(name, home))) {
          readLines(included, depth + 1)
        }
      } else if (key === 'identityfile') identityfile.push(value)
      else if (keys.has(key)) options[key] ??= values.join(' ')
    }
  }
}

/** A line's keyword in lower case, and its arguments with quotes taken off. */
function words(line: string): string[] {
  const match = /^\s*([A-Za-z][A-Za-z0-9]*)(?:\s*=\s*|\s+)(.*)$/.exec(line)
  if (match === null) return []
  const [, key = '', rest = ''] = match
  const values: string[] = []
  for (const [word, quoted] of rest.matchAll(/"([^"]*)"|[^\s"]+/g)) {
    if (quoted === undefined && word.startsWith('#')) break
    values.push(quoted ?? word)
  }
  return [key.toLowerCase(), ...values]
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
