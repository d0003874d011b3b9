/**
 * The root directory of a sandbox, as arguments for bubblewrap. What its policy does not allow is closed by
 * Landlock, and belongs to root besides: a kernel without Landlock keeps the walls.
 */
import { existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultPolicy } from '../gateway/default-policy.ts'
import type { Policy } from '../protocol.ts'
import type { LandlockRules } from './landlock.ts'
import { seccompProgram } from './seccomp.ts'

export const sandboxUser = { uid: 10_001, gid: 10_001 }

export interface RootOptions {
  /** Directory on the host that keeps what the sandbox writes. */
  readonly place: string
  /** The bundled supervisor. */
  readonly program: string
  readonly policy: Policy | undefined
  readonly noisy: boolean
  readonly readOnlyWorkspace: boolean
  readonly workspaceBytes: number
  readonly sftp: boolean
}

export interface Root {
  readonly args: string[]
  /** File that is to be descriptor 3 of bubblewrap. */
  readonly seccomp: string
  readonly owned: string[]
  readonly rules: LandlockRules
  readonly nothingStarts: boolean
}

export const socketOnHost = (place: string) => join(place, 'run/ssh.sock')
const noiseFile = (place: string) => join(place, 'noise')

/** The login profile's noise can change while the sandbox runs. */
export function writeNoise(place: string, noisy: boolean): void {
  const noise = 'echo "profile: welcome"\necho "profile: warning" >&2\n'
  writeFileSync(noiseFile(place), noisy ? noise : '')
}

/** Makes what is missing in `place`. */
export function makeRoot(options: RootOptions): Root {
  const { place, policy } = options
  for (const name of ['workspace', 'tmp', 'run', 'extra']) {
    mkdirSync(join(place, name), { recursive: true, mode: 0o755 })
  }
  writeNoise(place, options.noisy)
  const filesystem = policy?.filesystem_policy ?? defaultPolicy.filesystem_policy
  const readWrite = filesystem?.read_write ?? []
  const readOnly = filesystem?.read_only ?? []
  const workdir = filesystem?.include_workdir === true
  const writable = [...readWrite, ...(workdir ? ['/sandbox'] : [])]
  const listed = [...readOnly, ...writable]
  const extra = readWrite.filter((path) => path !== '/tmp' && path !== '/dev/null')
  const seccomp = join(place, 'seccomp')
  const program = seccompProgram()
  writeFileSync(seccomp, program ?? '')
  const args = [
    ...(program === undefined ? [] : ['--seccomp', '3']),
    ...['--die-with-parent', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-net'],
    ...['--hostname', 'sandbox', '--cap-add', 'ALL', '--clearenv'],
    ...['--setenv', 'PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ...system(),
    ...accounts(place),
    ...login(place),
    ...['--proc', '/proc', ...devices(place)],
    ...['home', 'root', 'opt', 'srv', 'mnt', 'media', 'boot', 'sys', 'run'].flatMap(closed),
    ...['--dir', '/var/log', ...['var/lib', 'var/tmp', 'var/cache'].flatMap(closed)],
    ...['--bind', join(place, 'tmp'), '/tmp'],
    ...(readWrite.includes('/tmp') ? ['--chmod', '1777', '/tmp'] : ['--chmod', '0700', '/tmp']),
    ...workspace(options),
    ...extra.flatMap((path) => ['--bind', extraOnHost(place, path), path]),
    ...['--bind', join(place, 'run'), '/run/openshell', '--chmod', '0700', '/run/openshell'],
    ...['--ro-bind', process.execPath, '/opt/openshell/node'],
    ...['--ro-bind', options.program, '/opt/openshell/supervisor.mjs'],
    ...(options.sftp ? [] : ['--tmpfs', '/usr/lib/openssh']),
    // Searching it is allowed, listing it is not.
    ...['--chmod', '0711', '/', '--chdir', '/'],
    ...['/opt/openshell/node', '/opt/openshell/supervisor.mjs'],
  ]
  return {
    args,
    seccomp,
    owned: [...(workdir ? ['/sandbox'] : []), ...extra],
    rules: { readOnly, readWrite: writable },
    nothingStarts: listed.length > 0 && !listed.includes('/usr'),
  }
}

/** The programs of this machine. */
function system(): string[] {
  const args = ['--ro-bind', '/usr', '/usr']
  for (const name of ['bin', 'sbin', 'lib', 'lib64', 'lib32']) {
    const found = lstatSync(`/${name}`, { throwIfNoEntry: false })
    if (found === undefined) continue
    if (found.isSymbolicLink()) args.push('--symlink', `usr/${name}`, `/${name}`)
    else args.push('--ro-bind', `/${name}`, `/${name}`)
  }
  return [...args, '--ro-bind', '/etc', '/etc']
}

function accounts(place: string): string[] {
  const { uid, gid } = sandboxUser
  const files = {
    passwd: `sandbox:x:${uid}:${gid}::/sandbox:/bin/bash`,
    group: `sandbox:x:${gid}:`,
  }
  return Object.entries(files).flatMap(([name, line]) => {
    const file = join(place, name)
    writeFileSync(file, `${readFileSync(`/etc/${name}`, 'utf8').trimEnd()}\n${line}\n`)
    return ['--ro-bind', file, `/etc/${name}`]
  })
}

/** `/etc/profile`, which also reads what can be made to print. */
function login(place: string): string[] {
  if (!existsSync('/etc/profile')) return []
  const file = join(place, 'profile')
  const own = readFileSync('/etc/profile', 'utf8').trimEnd()
  writeFileSync(file, `${own}\n. /etc/issue\n`)
  // Any file that is there already can be covered; this one is of no use to anybody else.
  return ['--ro-bind', file, '/etc/profile', '--ro-bind', noiseFile(place), '/etc/issue']
}

/** `/dev` as the default policy leaves it: the rest is there and cannot be opened. */
function devices(place: string): string[] {
  const denied = join(place, 'denied')
  writeFileSync(denied, '', { mode: 0o000 })
  return [
    ...['--tmpfs', '/dev', '--dev-bind', '/dev/null', '/dev/null'],
    ...['--dev-bind', '/dev/urandom', '/dev/urandom'],
    ...['zero', 'full', 'random', 'tty'].flatMap((name) => ['--ro-bind', denied, `/dev/${name}`]),
    ...['--perms', '0700', '--tmpfs', '/dev/shm'],
    ...['--symlink', '/proc/self/fd', '/dev/fd'],
    ...['stdin', 'stdout', 'stderr'].flatMap((name, fd) => [
      '--symlink',
      `/proc/self/fd/${fd}`,
      `/dev/${name}`,
    ]),
  ]
}

const closed = (name: string) => ['--perms', '0700', '--dir', `/${name}`]

function workspace({ place, readOnlyWorkspace, workspaceBytes }: RootOptions): string[] {
  if (workspaceBytes > 0) return ['--size', String(workspaceBytes), '--tmpfs', '/sandbox']
  return [readOnlyWorkspace ? '--ro-bind' : '--bind', join(place, 'workspace'), '/sandbox']
}

function extraOnHost(place: string, path: string): string {
  const folder = join(place, 'extra', encodeURIComponent(path))
  mkdirSync(folder, { recursive: true })
  return folder
}
