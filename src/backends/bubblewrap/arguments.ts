/**
 * What a bubblewrap sandbox consists of, as arguments of `bwrap`. Pure: the same facts give the
 * same arguments, so their hash tells whether a running sandbox is the one that is asked for.
 *
 * What is not named here does not exist inside: /home, /root, /var, /srv, /mnt, /media and /run of
 * the host, its environment, its network and its processes.
 */
import { dirname } from 'node:path'
import type { Mount } from '../../sandbox.ts'

/** What an operator may choose about this backend. */
export interface BubblewrapSettings {
  /**
   * `none` gives the sandbox a loopback of its own and nothing else. `host` gives it the network of
   * the host as it is: its loopback services and its abstract Unix sockets (D-Bus and X11 may be
   * among them) are then in reach.
   */
  readonly network: 'none' | 'host'
  /** Absolute host paths seen read-only at the same place inside. */
  readonly extraReadOnly: readonly string[]
  /** The program to run, `bwrap` unless given. */
  readonly command?: string
  /** Where the state of sandboxes is kept; the default depends on the user alone. */
  readonly runtimeDir?: string
}

/** What the arguments depend on besides settings and spec. */
export interface HostFacts {
  /** Directories of the system by path, with the target of those that are symbolic links. */
  readonly system: ReadonlyMap<string, string | undefined>
  /** The entries of `shownInEtc` that exist. */
  readonly etc: readonly string[]
  /** The entries of `hiddenInProc` that exist. */
  readonly proc: readonly string[]
  readonly memoryBytes: number
  /** The options this `bwrap` knows. */
  readonly options: ReadonlySet<string>
}

export interface SandboxLayout {
  readonly hostname: string
  /** The numbers commands have, inside and outside. */
  readonly uid: number
  readonly gid: number
  readonly mounts: readonly [Mount, ...Mount[]]
  /** Host directory with `passwd`, `group`, `hosts` and `hostname`. */
  readonly etcDirectory: string
  /** Host directory with the channels and the holder's program. */
  readonly channelDirectory: string
  readonly endsWithServer: boolean
}

/** Where the channels are seen inside. */
export const channelsInside = '/run/sandbox-mcp'
const homeInside = '/home/sandbox'

/** Looked at on the host, and shown inside as they are: directories, or links into /usr. */
export const systemPaths = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/opt']

/**
 * The part of /etc that programs need and that holds no secrets. Left out on purpose: keys
 * (ssl/private, pki/tls/private, ssh), accounts, and settings where people keep tokens (gitconfig,
 * npmrc, pip.conf, maven).
 */
export const shownInEtc = [
  ...['alternatives', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'localtime', 'timezone'],
  ...['ca-certificates', 'ca-certificates.conf', 'ssl/certs', 'ssl/openssl.cnf', 'ssl/cert.pem'],
  ...['pki/ca-trust', 'pki/tls/certs', 'pki/tls/cert.pem', 'pki/tls/openssl.cnf'],
  ...['nsswitch.conf', 'host.conf', 'gai.conf', 'protocols', 'services', 'networks', 'rpc'],
  ...['os-release', 'debian_version', 'mime.types', 'magic', 'magic.mime', 'locale.alias'],
  ...['profile', 'bash.bashrc', 'inputrc', 'terminfo', 'fonts', 'perl', 'python3', 'php'],
  ...['python3.9', 'python3.10', 'python3.11', 'python3.12', 'python3.13', 'python3.14'],
  ...['java-11-openjdk', 'java-17-openjdk', 'java-21-openjdk', 'java-25-openjdk', 'java'],
].map((name) => `/etc/${name}`)

/** What /proc tells of the user's keys, by name. */
export const hiddenInProc = ['/proc/keys', '/proc/key-users']

/** Where `bwrap` finds the filter of system calls, among what it inherits. */
const filterDescriptor = 4

const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: homeInside,
  LANG: 'C.UTF-8',
  USER: 'sandbox',
}

/** The arguments of `bwrap` up to `--`; the program to run follows. */
export function bubblewrapArguments(
  layout: SandboxLayout,
  settings: BubblewrapSettings,
  host: HostFacts,
): readonly string[] {
  return [
    ...isolation(layout, settings, host),
    ...Object.entries(environment).flatMap(([name, value]) => ['--setenv', name, value]),
    ...systemFiles(layout, settings, host),
    ...temporaryFiles(host),
    ...['--ro-bind', layout.channelDirectory, channelsInside],
    ...settings.extraReadOnly.flatMap((path) => ['--ro-bind', path, path]),
    ...layout.mounts.flatMap((mount) => [
      mount.writable ? '--bind' : '--ro-bind',
      mount.host,
      mount.sandbox,
    ]),
    // The root itself is a tmpfs without a size: writable, it would be a way into all memory.
    ...['--remount-ro', '/', '--chdir', layout.mounts[0].sandbox],
  ]
}

function isolation(layout: SandboxLayout, settings: BubblewrapSettings, host: HostFacts): string[] {
  return [
    ...['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts'],
    '--unshare-cgroup-try',
    ...(settings.network === 'none' ? ['--unshare-net'] : []),
    ...(host.options.has('--disable-userns') ? ['--disable-userns'] : []),
    ...['--uid', String(layout.uid), '--gid', String(layout.gid), '--cap-drop', 'ALL'],
    ...['--new-session', '--hostname', layout.hostname, '--clearenv'],
    ...['--seccomp', String(filterDescriptor)],
    ...(layout.endsWithServer ? ['--die-with-parent'] : []),
  ]
}

function systemFiles(
  layout: SandboxLayout,
  settings: BubblewrapSettings,
  host: HostFacts,
): string[] {
  const system = [...host.system].flatMap(([path, target]) =>
    target === undefined ? ['--ro-bind', path, path] : ['--symlink', target, path],
  )
  // Directories that bwrap makes on its way are closed to everybody else.
  const parents = new Set(['/etc', ...host.etc.map((path) => dirname(path))])
  const etc = host.etc.flatMap((path) => ['--ro-bind', path, path])
  const made = ['passwd', 'group', 'hosts', 'hostname'].flatMap((name) => [
    ...['--ro-bind', `${layout.etcDirectory}/${name}`, `/etc/${name}`],
  ])
  const names =
    settings.network === 'host' ? ['--ro-bind-try', '/etc/resolv.conf', '/etc/resolv.conf'] : []
  return [
    ...system,
    ...[...parents].sort().flatMap((path) => ['--dir', path]),
    ...etc,
    ...made,
    ...names,
    ...['--symlink', '/proc/self/mounts', '/etc/mtab', '--proc', '/proc'],
    ...host.proc.flatMap((path) => ['--ro-bind', '/dev/null', path]),
    // The kernel lets the real uid 0 write /proc/sys even without capabilities, and core_pattern
    // there names a program that runs outside.
    ...(layout.uid === 0 ? ['--remount-ro', '/proc'] : []),
  ]
}

function temporaryFiles(host: HostFacts): string[] {
  const quarter = Math.floor(host.memoryBytes / 4)
  const temporary = (path: string, mode: string, bytes: number) => [
    ...(host.options.has('--perms') ? ['--perms', mode] : []),
    ...(host.options.has('--size') ? ['--size', String(bytes)] : []),
    ...['--tmpfs', path],
  ]
  return [
    ...['--dev', '/dev', ...temporary('/dev/shm', '1777', quarter), '--remount-ro', '/dev'],
    ...temporary('/tmp', '1777', quarter),
    ...temporary('/var/tmp', '1777', quarter),
    ...temporary('/run', '0755', 64 * 1024 * 1024),
    ...temporary(homeInside, '0755', quarter),
  ]
}

/** The files of /etc that are made for the sandbox, by name. */
export function filesOfEtc(layout: Pick<SandboxLayout, 'hostname' | 'uid' | 'gid'>) {
  const { hostname, uid, gid } = layout
  // The first line with a number wins, so `sandbox` comes first also when it is 0.
  const passwd = [
    `sandbox:x:${uid}:${gid}:sandbox:${homeInside}:/bin/sh`,
    'root:x:0:0:root:/root:/bin/sh',
    'nobody:x:65534:65534:nobody:/nonexistent:/bin/false',
  ]
  return new Map([
    ['passwd', `${passwd.join('\n')}\n`],
    ['group', `sandbox:x:${gid}:\nroot:x:0:\nnogroup:x:65534:\n`],
    ['hosts', `127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 ${hostname}\n`],
    ['hostname', `${hostname}\n`],
  ])
}
