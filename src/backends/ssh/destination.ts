/** Where an ssh sandbox is and how it is reached: our settings first, then the user's ssh_config. */
import { readFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { configInvalid, shown } from '../../errors.ts'
import { type Credentials, ownCredentials, readCertificates, readIdentities } from './identities.ts'
import { type HostKeys, lookupName, parseKnownHosts } from './known-hosts.ts'
import { proxyCommandLine } from './proxy-command.ts'
import { parseTarget, type Target } from './target.ts'
import { type HostOptions, hostOptions } from './user-config.ts'

/**
 * OpenClaw's `sandbox.ssh`, but for two keys that have no place here: no `command` is run, as SSH is spoken
 * by this server itself, so one other than `ssh` is refused with the settings; and `updateHostKeys` changes
 * nothing, as no key is added to known_hosts without being asked for.
 */
export interface SshSettings {
  /** `user@host:port`, of which only the host is needed; it may be an alias of the user's ssh_config. */
  readonly target: string
  /** Directory on the remote host that holds the sandboxes: absolute, or below the home as `~/…`. */
  readonly workspaceRoot?: string
  /**
   * A private key, and no other is shown then; the agent is asked for this one if it has a passphrase. The
   * data wins over the file, as below.
   */
  readonly identityFile?: string
  readonly identityData?: string
  /** The certificate of a key, as ssh-keygen writes it; it needs the key itself, from anywhere. */
  readonly certificateFile?: string
  readonly certificateData?: string
  /** Accepted host keys, in place of the user's own file. */
  readonly knownHostsFile?: string
  readonly knownHostsData?: string
  /** False accepts any host key that is not revoked. */
  readonly strictHostKeyChecking?: boolean
}

/** What is taken from this user's account. */
export interface Account {
  readonly home: string
  readonly user: string
  /** Socket of the ssh-agent. */
  readonly agent?: string | undefined
}

/** One host, resolved: nothing is looked up any more when it is connected to. */
export interface Destination {
  readonly host: string
  readonly port: number
  readonly user: string
  /** Socket of the ssh-agent. */
  readonly agent: string | undefined
  readonly credentials: Credentials
  readonly hostKeys: HostKeys
  readonly connectMs: number
  /** The host to go through. */
  readonly jump: Destination | undefined
  /** The line for a shell that runs what carries the connection; never set together with `jump`. */
  readonly proxyCommand: string | undefined
}

const connectMs = 10_000
const maxJumps = 8

export function thisAccount(): Account {
  return { home: homedir(), user: userInfo().username, agent: process.env.SSH_AUTH_SOCK }
}

/** Reads the files that `settings` and the user's ssh_config name. `CONFIG_INVALID` for what cannot be used. */
export function resolveDestination(settings: SshSettings, account: Account): Destination {
  const named = parseTarget(settings.target)
  const destination = reached(named, optionsOf(named, account), account, settings, [])
  const credentials = ownCredentials(settings, destination.credentials, account.home)
  return { ...destination, credentials }
}

const optionsOf = ({ host, user }: Target, account: Account) =>
  hostOptions(join(account.home, '.ssh/config'), { host, user, account })

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
  const jump = jumpHost(named, options, account, through)
  const seconds = Number(options.connecttimeout)
  return {
    host,
    port,
    user,
    agent: agentSocket(options, account, expand),
    credentials: userCredentials(options, expand),
    hostKeys: hostKeys(host, port, options, settings, expand),
    connectMs: seconds > 0 ? seconds * 1000 : connectMs,
    jump,
    proxyCommand: jump === undefined ? proxyCommand(named, options, host, port, user) : undefined,
  }
}

function hostKeys(
  host: string,
  port: number,
  options: HostOptions,
  settings: Omit<SshSettings, 'target'>,
  expand: (path: string) => string,
): HostKeys {
  const files = (options.userknownhostsfile?.split(' ') ?? ['~/.ssh/known_hosts']).map(expand)
  const file = settings.knownHostsFile === undefined ? files[0] : expand(settings.knownHostsFile)
  const system = ['~/.ssh/known_hosts2', '/etc/ssh/ssh_known_hosts'].map(expand)
  const read = settings.knownHostsFile === undefined ? [...files, ...system] : [file ?? '']
  const text = settings.knownHostsData ?? read.map(textOf).join('\n')
  const loose = ['no', 'off'].includes(options.stricthostkeychecking?.toLowerCase() ?? '')
  return {
    name: lookupName(options.hostkeyalias ?? host, options.hostkeyalias ? 22 : port),
    known: parseKnownHosts(text),
    file: settings.knownHostsData === undefined ? file : undefined,
    strict: settings.strictHostKeyChecking ?? !loose,
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
  const { proxycommand, ...own } = optionsOf(last, account)
  const before =
    hops.length > 0
      ? { ...own, proxyjump: hops.join(',') }
      : { ...own, ...(proxycommand && { proxycommand }) }
  return reached(last, before, account, {}, seen)
}

function proxyCommand(
  named: Target,
  { proxycommand, proxyusefdpass }: HostOptions,
  host: string,
  port: number,
  user: string,
): string | undefined {
  if (proxycommand === undefined || proxycommand.toLowerCase() === 'none') return undefined
  if (proxyusefdpass?.toLowerCase() === 'yes') {
    throw configInvalid(
      `the ssh_config reaches ${shown(named.host)} with ProxyUseFdpass, which is not supported`,
      'Let its ProxyCommand carry the data itself (ProxyUseFdpass no), or use ProxyJump.',
    )
  }
  return proxyCommandLine(proxycommand, { h: host, n: named.host, p: String(port), r: user })
}

function userCredentials(options: HostOptions, expand: (path: string) => string): Credentials {
  const { identityfile, certificatefile, identitiesonly } = options
  const usual = ['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => `~/.ssh/${name}`)
  const named = identityfile.filter((path) => path.toLowerCase() !== 'none')
  const { identities, certificates } = readIdentities(
    (identityfile.length > 0 ? named : usual).map(expand),
  )
  return {
    identities,
    certificates: [...readCertificates(certificatefile.map(expand)), ...certificates],
    only: identitiesonly?.toLowerCase() === 'yes',
  }
}

function agentSocket(
  { identityagent }: HostOptions,
  account: Account,
  expand: (path: string) => string,
): string | undefined {
  if (identityagent === 'none') return undefined
  if (identityagent === undefined || identityagent === 'SSH_AUTH_SOCK') return account.agent
  return expand(identityagent)
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
