/** Where an ssh sandbox is and how it is reached: our settings first, then the user's ssh_config. */
import { existsSync, readFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { configInvalid, shown } from '../../errors.ts'
import { type KnownHost, lookupName, parseKnownHosts } from './known-hosts.ts'
import { type HostOptions, hostOptions } from './user-config.ts'

export interface SshSettings {
  /** `user@host:port`, of which only the host is needed; it may be an alias of the user's ssh_config. */
  readonly target: string
  /** Directory on the remote host that holds the sandboxes: absolute, or below the home as `~/…`. */
  readonly workspaceRoot?: string
  /** A private key; the agent and the default keys are then left alone. The data wins over the file. */
  readonly identityFile?: string
  readonly identityData?: string
  /** Accepted host keys, in place of the user's own file. The data wins over the file. */
  readonly knownHostsFile?: string
  readonly knownHostsData?: string
  /** False accepts any host key that is not revoked. */
  readonly strictHostKeyChecking?: boolean
  /** Not usable yet: ssh2 cannot sign with a certificate. Refused, so that it is not left out silently. */
  readonly certificateFile?: string
  readonly certificateData?: string
}

/** What is taken from this user's account. */
export interface Account {
  readonly home: string
  readonly user: string
  /** Socket of the ssh-agent. */
  readonly agent?: string | undefined
}

interface Identity {
  readonly label: string
  readonly key: string
}

/** One host, resolved: nothing is looked up any more when it is connected to. */
export interface Destination {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly agent: string | undefined
  readonly identities: readonly Identity[]
  readonly hostKeys: HostKeys
  readonly connectMs: number
  /** The host to go through. */
  readonly jump: Destination | undefined
}

export interface HostKeys {
  /** How the host is written in known_hosts. */
  readonly name: string
  readonly known: readonly KnownHost[]
  /** Where accepted keys are written; undefined when they were given inline. */
  readonly file: string | undefined
  readonly strict: boolean
}

const connectMs = 10_000
const maxJumps = 8

export function thisAccount(): Account {
  return { home: homedir(), user: userInfo().username, agent: process.env.SSH_AUTH_SOCK }
}

/** Reads the files that `settings` and the user's ssh_config name. `CONFIG_INVALID` for what cannot be used. */
export function resolveDestination(settings: SshSettings, account: Account): Destination {
  if (settings.certificateFile !== undefined || settings.certificateData !== undefined) {
    throw configInvalid(
      'ssh.certificateFile and ssh.certificateData cannot be used: certificates are not supported',
      'Leave them out and let the host accept the plain key.',
    )
  }
  const named = parseTarget(settings.target)
  const options = hostOptions(join(account.home, '.ssh/config'), named.host, account.home)
  const own = settings.identityData ?? settings.identityFile
  return {
    ...reached(named, options, account, settings, []),
    ...(own === undefined
      ? {}
      : { agent: undefined, identities: [ownIdentity(settings, account)] }),
  }
}

function reached(
  named: Target,
  options: HostOptions,
  account: Account,
  settings: Omit<SshSettings, 'target'>,
  through: readonly string[],
): Destination {
  const host = (options.hostname ?? named.host).replaceAll('%h', named.host).replaceAll('%%', '%')
  const port = named.port ?? Number(options.port ?? 22)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw configInvalid(
      `the port ${shown(options.port ?? '')} of ${shown(named.host)} in the ssh_config is none`,
      'Correct it there, or give the port in ssh.target.',
    )
  }
  const user = named.user ?? options.user ?? account.user
  const expand = (path: string) => expanded(path, { host, user, account })
  const files = (options.userknownhostsfile?.split(' ') ?? ['~/.ssh/known_hosts']).map(expand)
  const file = settings.knownHostsFile === undefined ? files[0] : expand(settings.knownHostsFile)
  const system = ['~/.ssh/known_hosts2', '/etc/ssh/ssh_known_hosts'].map(expand)
  const read = settings.knownHostsFile === undefined ? [...files, ...system] : [file ?? '']
  const text = settings.knownHostsData ?? read.map(textOf).join('\n')
  const loose = ['no', 'off'].includes(options.stricthostkeychecking?.toLowerCase() ?? '')
  return {
    host,
    port,
    user,
    agent: agentSocket(options, account, expand),
    identities: userIdentities(options, account, expand),
    hostKeys: {
      name: lookupName(options.hostkeyalias ?? host, options.hostkeyalias ? 22 : port),
      known: parseKnownHosts(text),
      file: settings.knownHostsData === undefined ? file : undefined,
      strict: settings.strictHostKeyChecking ?? !loose,
    },
    connectMs: options.connecttimeout ? Number(options.connecttimeout) * 1000 : connectMs,
    jump: jumpHost(named, options, account, through),
  }
}

/** The nearest host to go through, which goes through the ones named before it. */
function jumpHost(
  named: Target,
  options: HostOptions,
  account: Account,
  through: readonly string[],
): Destination | undefined {
  const list = options.proxyjump ?? ''
  if (options.proxycommand !== undefined && list === '' && options.proxycommand !== 'none') {
    throw configInvalid(
      `the ssh_config of ${shown(named.host)} reaches it with ProxyCommand, which is not supported`,
      'Use ProxyJump for that host, or name one that is reached directly.',
    )
  }
  if (list === '' || list === 'none') return undefined
  const hops = list.split(',').map((hop) => hop.trim())
  const last = parseTarget(hops.pop() ?? '')
  const seen = [...through, named.host]
  if (seen.includes(last.host) || seen.length > maxJumps) {
    throw configInvalid(
      `ProxyJump leads in a circle: ${[...seen, last.host].join(' -> ')}`,
      'Set "ProxyJump none" for the first host to go through in ~/.ssh/config.',
    )
  }
  const own = hostOptions(join(account.home, '.ssh/config'), last.host, account.home)
  const before = hops.length > 0 ? { ...own, proxyjump: hops.join(',') } : own
  return reached(last, before, account, {}, seen)
}

interface Target {
  readonly host: string
  readonly user: string | undefined
  readonly port: number | undefined
}

/** `[user@]host[:port]`, with or without `ssh://`; an IPv6 address with a port is in brackets. */
function parseTarget(text: string): Target {
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

function ownIdentity(settings: SshSettings, account: Account): Identity {
  const { identityData, identityFile = '' } = settings
  if (identityData !== undefined) {
    return { label: 'ssh.identityData', key: repaired(identityData) }
  }
  const path = identityFile.replace(/^~(?=\/)/, account.home)
  const key = textOf(path)
  if (key !== '') return { label: path, key: repaired(key) }
  throw configInvalid(
    `the private key ${shown(path)} cannot be read`,
    'Give the path of a private key in ssh.identityFile, or leave it out to use the agent.',
  )
}

/** Keys that went through an environment variable or an editor: a BOM, CRLF, escaped line feeds. */
function repaired(key: string): string {
  const lines = key.replace(/^\ufeff/, '').replaceAll('\r\n', '\n')
  return `${(lines.includes('\n') ? lines : lines.replaceAll('\\n', '\n')).trim()}\n`
}

function userIdentities(
  options: HostOptions,
  account: Account,
  expand: (path: string) => string,
): Identity[] {
  const defaults = ['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => `~/.ssh/${name}`)
  const paths = options.identityfile.length > 0 ? options.identityfile : defaults
  return paths
    .map(expand)
    .filter((path) => path !== join(account.home, 'none') && existsSync(path))
    .map((path) => ({ label: path, key: textOf(path) }))
    .filter(({ key }) => key !== '')
}

function agentSocket(
  options: HostOptions,
  account: Account,
  expand: (path: string) => string,
): string | undefined {
  const { identityagent, identitiesonly } = options
  if (identityagent === 'none') return undefined
  if (identityagent !== undefined && identityagent !== 'SSH_AUTH_SOCK') return expand(identityagent)
  const only = identitiesonly?.toLowerCase() === 'yes' && options.identityfile.length > 0
  return only ? undefined : account.agent
}

function expanded(
  path: string,
  { host, user, account }: { host: string; user: string; account: Account },
): string {
  const tokens: Record<string, string> = { d: account.home, h: host, r: user, u: account.user }
  return path
    .replace(/^~(?=\/)/, account.home)
    .replace(/%([dhru%])/g, (_, token: string) => tokens[token] ?? '%')
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
