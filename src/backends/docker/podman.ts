/** What Podman's Docker-compatible service wants differently. Pure. */
import { sandboxStartFailed } from '../../errors.ts'
import { userOf } from './confinement.ts'
import type { ContainerOptions } from './engine.ts'
import type { PodmanTraits } from './engine-traits.ts'
import type { ContainerPlan } from './options.ts'
import { isBelow } from './paths-inside.ts'
import { refusal } from './refusal.ts'

type HostConfig = NonNullable<ContainerOptions['HostConfig']>

/** Where Podman puts its init process. */
const initPath = '/run/podman-init'

/**
 * The options that make the same sandbox there. `SANDBOX_START_FAILED` for a version that cannot,
 * `CONFIG_INVALID` for a setting that it does not have.
 */
export function forPodman(
  options: ContainerOptions,
  { settings, spec, mounts }: ContainerPlan,
  { version, rootless }: PodmanTraits,
): ContainerOptions {
  const user = userOf(settings, spec.owner)
  if (rootless) {
    requireVersion(version, 4.3, 'map users without root')
    if (user.uid === 0 || user.gid === 0) {
      throw refusal(
        'user',
        user.text,
        'is not to be had: Podman runs without root here',
        'Give the workspace to an ordinary user, or set docker.user to numbers other than 0.',
      )
    }
  }
  if (settings.gpus !== undefined) requireVersion(version, 5, 'pass GPUs on')
  const covering = mounts.find(({ sandbox }) => isBelow(initPath, sandbox))
  if (covering !== undefined) {
    throw refusal(
      'binds',
      `${covering.host}:${covering.sandbox}`,
      `covers ${initPath}, which Podman needs`,
      'Choose another target.',
    )
  }
  const hostConfig = options.HostConfig ?? {}
  return {
    ...options,
    HostConfig: {
      ...hostConfig,
      Tmpfs: temporaryFiles(hostConfig.Tmpfs ?? {}, settings.readOnlyRoot),
      ...(rootless ? { UsernsMode: 'keep-id' } : {}),
      ...(settings.gpus === undefined ? {} : { DeviceRequests: [gpus(hostConfig)] }),
      ...seccompByPath(hostConfig.SecurityOpt, settings.seccompProfile),
    },
  }
}

/**
 * Podman's tmpfs knows no owner: one that is only somebody's is open to the one user inside. A
 * read-only root has a tmpfs on /run anyway, under Podman's init.
 */
function temporaryFiles(tmpfs: Readonly<Record<string, string>>, readOnlyRoot: boolean) {
  const entries = Object.entries(tmpfs).filter(([path]) => path !== '/run' || !readOnlyRoot)
  return Object.fromEntries(
    entries.map(([path, options]) => {
      const words = options.split(',')
      if (!words.some((word) => /^[ug]id=/.test(word))) return [path, options]
      const kept = words.filter((word) => !/^([ug]id|mode)=/.test(word))
      return [path, [...kept, 'mode=1777'].join(',')]
    }),
  )
}

/** Podman overlooks requests but those in the words of the Container Device Interface. */
function gpus({ DeviceRequests: [request] = [] }: HostConfig) {
  const count = request?.Count ?? 0
  const counted = count < 0 ? ['all'] : Array.from({ length: count }, (_, at) => String(at))
  const ids = request?.DeviceIDs ?? counted
  return { Driver: 'cdi', DeviceIDs: ids.map((id) => `nvidia.com/gpu=${id}`) }
}

/** Podman's service wants the path of a profile where Docker's wants its text. */
function seccompByPath(options: readonly string[] | undefined, path: string | undefined) {
  if (options === undefined || path === undefined) return {}
  return {
    SecurityOpt: options.map((one) => (one.startsWith('seccomp=') ? `seccomp=${path}` : one)),
  }
}

function requireVersion(version: string, least: number, what: string): void {
  if (Number.parseFloat(version) >= least) return
  throw sandboxStartFailed(
    `Podman ${version} cannot ${what}`,
    `Install Podman ${least.toFixed(1)} or later, or use Docker.`,
  )
}
