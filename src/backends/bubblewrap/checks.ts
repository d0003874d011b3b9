/** What bubblewrap needs of the machine, and what to do where it is not there. */
import { readFile } from 'node:fs/promises'
import { execa } from 'execa'
import type { Check, Finding } from '../../sandbox.ts'
import { keyringFilter } from './system-calls.ts'

const checkDeadlineMs = 10_000

/** The checks of the backend, for the program `command`. */
export function bubblewrapChecks(command: string): readonly Check[] {
  return [
    { name: 'bubblewrap', run: (signal) => installed(command, signal) },
    { name: 'user namespaces', run: (signal) => allowed(command, signal) },
    { name: 'commands for bubblewrap', run: commandsPresent },
  ]
}

/** The fix on every other system. */
export const onlyLinux = 'Use the Docker backend; bubblewrap works on Linux only.'

async function installed(command: string, signal: AbortSignal): Promise<Finding> {
  if (process.platform !== 'linux') {
    return { ok: false, detail: `this is ${process.platform}`, fix: onlyLinux }
  }
  const result = await run(command, ['--version'], signal)
  if (!result.failed) return { ok: true, detail: `${result.stdout}`.trim() }
  return {
    ok: false,
    detail: `${command} cannot be run: ${result.shortMessage}`,
    fix: await howToInstall(),
  }
}

/** The fix where the program is missing. */
export async function howToInstall(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  const family = /^ID_LIKE=(.*)$/m.exec(release)?.[1] ?? ''
  const distribution = `${/^ID=(.*)$/m.exec(release)?.[1] ?? ''} ${family}`
  const known: readonly (readonly [RegExp, string])[] = [
    [/debian|ubuntu/, 'apt install bubblewrap'],
    [/fedora|rhel|centos/, 'dnf install bubblewrap'],
    [/arch/, 'pacman -S bubblewrap'],
    [/alpine/, 'apk add bubblewrap util-linux'],
    [/suse/, 'zypper install bubblewrap'],
  ]
  const install = known.find(([pattern]) => pattern.test(distribution))?.[1]
  return install === undefined
    ? 'Install the package bubblewrap with the package manager of this system.'
    : `Run "${install}" as root.`
}

/** Really makes the namespaces and mounts that every sandbox needs, and has the kernel take its filter. */
async function allowed(command: string, signal: AbortSignal): Promise<Finding> {
  const isolation = ['--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc']
  const files = ['--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev', '--seccomp', '3']
  const result = await run(command, [...isolation, ...files, 'true'], signal, keyringFilter())
  if (!result.failed) return { ok: true, detail: 'namespaces can be made' }
  const said = `${result.stderr ?? ''}`.trim() || `${result.shortMessage}`
  if (/seccomp/i.test(said)) {
    return {
      ok: false,
      detail: `the kernel takes no filter of system calls: ${said}`,
      fix: 'Use a kernel with CONFIG_SECCOMP_FILTER, on a processor that is not emulated, or the Docker backend.',
    }
  }
  return { ok: false, detail: `no namespace could be made: ${said}`, fix: await whyForbidden() }
}

async function whyForbidden(): Promise<string> {
  const setting = async (name: string) =>
    (await readFile(`/proc/sys/${name}`, 'utf8').catch(() => '')).trim()
  if ((await setting('kernel/unprivileged_userns_clone')) === '0') {
    return 'Run "sysctl -w kernel.unprivileged_userns_clone=1" as root.'
  }
  if ((await setting('user/max_user_namespaces')) === '0') {
    return 'Run "sysctl -w user.max_user_namespaces=10000" as root.'
  }
  if ((await setting('kernel/apparmor_restrict_unprivileged_userns')) === '1') {
    return 'Give bwrap an AppArmor profile with "userns," (Ubuntu: the package apparmor-profiles has bwrap-userns-restrict), or run "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" as root.'
  }
  return 'Inside a container, start that with "--security-opt seccomp=unconfined --security-opt systempaths=unconfined", or use the Docker backend; elsewhere ask the administrator to allow user namespaces.'
}

async function commandsPresent(signal: AbortSignal): Promise<Finding> {
  const needed = ['mkfifo', 'flock', 'setsid']
  const results = await Promise.all(needed.map((name) => run(name, ['--help'], signal)))
  const missing = needed.filter((_, index) => results[index]?.code === 'ENOENT')
  if (missing.length === 0) return { ok: true, detail: needed.join(', ') }
  return {
    ok: false,
    detail: `missing: ${missing.join(', ')}`,
    fix: 'Install the packages coreutils and util-linux.',
  }
}

/** Runs a program of the host to its end; the result tells how it failed. It can read `third` from descriptor 3. */
export function run(
  command: string,
  args: readonly string[],
  signal?: AbortSignal,
  third?: Uint8Array,
) {
  return execa(command, [...args], {
    stdio: ['ignore', 'pipe', 'pipe', third ?? 'ignore'],
    reject: false,
    timeout: checkDeadlineMs,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  })
}
