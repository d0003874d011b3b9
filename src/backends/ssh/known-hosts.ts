/** Which host keys a user has accepted: OpenSSH's known_hosts format (sshd(8)). */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { RevokedKeys } from './revoked-keys.ts'

export interface KnownHost {
  /** Whether the line is about the host of this lookup name. */
  matches(name: string): boolean
  readonly revoked: boolean
  /** The key's algorithm, as `ssh-ed25519`. */
  readonly type: string
  readonly key: Buffer
}

/** What is known of a host's keys, and what is done with one that is not. */
export interface HostKeys {
  /** How the host is written in known_hosts. */
  readonly name: string
  /** The same for port 22, where that is another one and not an alias: what is not known by `name` may be by this. */
  readonly bareName?: string | undefined
  readonly known: readonly KnownHost[]
  /** The keys that no host may have, beside those that `known` says so of. */
  readonly revoked?: RevokedKeys | undefined
  /** Whether a certificate authority is named for it. Certificates of hosts are not looked at. */
  readonly hasAuthority?: boolean
  /** Where accepted keys are written; undefined when they were given inline. */
  readonly file: string | undefined
  /** False accepts any key that is not revoked. */
  readonly strict: boolean
}

export type Verdict = 'known' | 'unknown' | 'changed' | 'revoked'

/** How a host is written in the file: the bare name on port 22, else `[name]:port`. */
export function lookupName(host: string, port: number): string {
  const name = host.toLowerCase()
  return port === 22 ? name : `[${name}]:${port}`
}

/** The usable lines. Certificate authorities are left out: plain keys only are checked against them. */
export function parseKnownHosts(text: string): KnownHost[] {
  return linesWith(text, undefined, '@revoked')
}

/** Whether a line names a certificate authority for the host of one of these lookup names. */
export function namesAuthority(text: string, names: readonly string[]): boolean {
  return linesWith(text, '@cert-authority').some((line) => names.some((name) => line.matches(name)))
}

function linesWith(text: string, ...markers: (string | undefined)[]): KnownHost[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const words = line.trim().split(/[ \t]+/)
    const marker = words[0]?.startsWith('@') ? words.shift() : undefined
    const [hosts, type, key] = words
    if (hosts === undefined || hosts === '' || hosts.startsWith('#')) return []
    if (type === undefined || key === undefined) return []
    if (!markers.includes(marker)) return []
    return [
      {
        matches: hosts.startsWith('|1|') ? hashedName(hosts) : namePatterns(hosts),
        revoked: marker === '@revoked',
        type,
        key: Buffer.from(key, 'base64'),
      },
    ]
  })
}

/** What the file says about `key`, offered by the host of that lookup name. */
export function judgeHostKey(lines: readonly KnownHost[], name: string, key: Buffer): Verdict {
  const about = lines.filter((line) => line.matches(name))
  const same = about.filter((line) => line.key.equals(key))
  if (same.some(({ revoked }) => revoked)) return 'revoked'
  if (same.length > 0) return 'known'
  const type = hostKeyType(key)
  return about.some((line) => !line.revoked && line.type === type) ? 'changed' : 'unknown'
}

/** The same for a host, in the way of OpenSSH where it is not on port 22. */
export function verdictOn({ known, revoked, name, bareName }: HostKeys, key: Buffer): Verdict {
  if (revoked?.listing(key) !== undefined) return 'revoked'
  const verdict = judgeHostKey(known, name, key)
  if (verdict !== 'unknown' || bareName === undefined) return verdict
  const bare = judgeHostKey(known, bareName, key)
  return bare === 'changed' ? 'unknown' : bare
}

export function acceptsHostKey(hostKeys: HostKeys, key: Buffer): boolean {
  const verdict = verdictOn(hostKeys, key)
  return verdict === 'known' || (!hostKeys.strict && verdict !== 'revoked')
}

const algorithms = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
} as const

/** A host is asked for the kind of key that is known of it, as it may have several. */
export function knownAlgorithms({ known, name, bareName = name }: HostKeys) {
  const about = [name, bareName].flatMap((one) =>
    known.filter((line) => !line.revoked && line.matches(one)),
  )
  const usable = about.flatMap(({ type }) => algorithms[type as keyof typeof algorithms] ?? [])
  return [...new Set(usable)]
}

/** The algorithm a key blob names in its first field. */
export function hostKeyType(key: Buffer): string {
  const length = key.length >= 4 ? key.readUInt32BE(0) : 0
  return key.subarray(4, 4 + length).toString('latin1')
}

/** As OpenSSH prints it: `SHA256:` and unpadded base64. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}

function hashedName(field: string): (name: string) => boolean {
  const [, , salt = '', hash = ''] = field.split('|')
  const expected = Buffer.from(hash, 'base64')
  return (name) => {
    const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest()
    return actual.length === expected.length && timingSafeEqual(actual, expected)
  }
}

function namePatterns(field: string): (name: string) => boolean {
  const patterns = field.toLowerCase().split(',')
  return (name) => matchesPatterns(patterns, name)
}

/** ssh_config(5), PATTERNS: one that matches is needed, and none that is negated with `!`. */
export function matchesPatterns(patterns: readonly string[], name: string): boolean {
  const negated = patterns.filter((pattern) => pattern.startsWith('!'))
  if (negated.some((pattern) => wildcard(pattern.slice(1), name))) return false
  return patterns.some((pattern) => !pattern.startsWith('!') && wildcard(pattern, name))
}

/** `*` and `?`; on a mismatch only the last star takes one more, so no pattern is slow. */
function wildcard(pattern: string, name: string): boolean {
  let at = 0
  let star = -1
  let resume = 0
  let place = 0
  while (place < name.length) {
    if (pattern[at] === '*') {
      star = at++
      resume = place
    } else if (pattern[at] === '?' || pattern[at] === name[place]) {
      at++
      place++
    } else if (star >= 0) {
      at = star + 1
      place = ++resume
    } else {
      return false
    }
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}
