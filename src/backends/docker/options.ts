/** What a sandbox's container is made of: hardened, unless a setting says otherwise. Pure. */
import type { Mount, SandboxSpec } from '../../sandbox.ts'
import { configHash } from './config-hash.ts'
import { capDrop, securityOptions, userOf } from './confinement.ts'
import type { ContainerOptions } from './engine.ts'
import type { EngineTraits } from './engine-traits.ts'
import { environment } from './environment.ts'
import { labelsOf } from './labels.ts'
import { limits } from './limits.ts'
import { mainProcess } from './main-process.ts'
import { joinedContainer, network } from './network.ts'
import { forPodman } from './podman.ts'
import type { DockerSettings } from './settings.ts'
import { temporaryFiles } from './temporary-files.ts'

/** Git, Python, Node, a compiler and the usual tools: what a model expects of a computer. */
export const defaultImage = 'node:22-bookworm'

/** What a container is made from. */
export interface ContainerPlan {
  readonly spec: SandboxSpec
  readonly settings: DockerSettings
  /** All that is mounted, the workspace first; sources as the engine's machine calls them. */
  readonly mounts: readonly Mount[]
  /** The seccomp profile's text. */
  readonly seccomp?: string
  readonly traits: EngineTraits
}

/** `CONFIG_INVALID` for a setting that cannot be honoured. */
export function containerOptions(plan: ContainerPlan): ContainerOptions {
  const { spec, settings, traits } = plan
  const made = traits.podman ? forPodman(unnamed(plan), plan, traits.podman) : unnamed(plan)
  const hash = configHash({
    made,
    platform: settings.platform,
    setupCommand: settings.setupCommand,
    // Raised when containers are made differently in a way their options do not show.
    epoch: 2,
  })
  return {
    ...made,
    name: spec.name,
    ...(settings.platform === undefined ? {} : { platform: settings.platform }),
    Labels: labelsOf(spec, hash),
  }
}

function unnamed({ spec, settings, mounts, seccomp, traits }: ContainerPlan): ContainerOptions {
  const user = userOf(settings, spec.owner)
  const ephemeral = spec.ephemeral !== undefined
  return {
    Image: settings.image ?? defaultImage,
    Entrypoint: ['sh', '-c'],
    Cmd: [mainProcess(ephemeral)],
    User: user.text,
    WorkingDir: spec.mounts[0].sandbox,
    ...(joinedContainer(settings.network) === undefined ? { Hostname: 'sandbox' } : {}),
    Env: environment(settings),
    OpenStdin: ephemeral,
    StdinOnce: ephemeral,
    StopSignal: 'SIGKILL',
    HostConfig: {
      // Reaps the zombies of commands, which would fill the process limit.
      Init: true,
      AutoRemove: ephemeral,
      ReadonlyRootfs: settings.readOnlyRoot,
      Tmpfs: temporaryFiles(settings, mounts, user),
      CapDrop: capDrop(settings),
      SecurityOpt: securityOptions(settings, seccomp),
      ...network(settings),
      ...limits(settings),
      ...mountOptions(mounts, traits.selinux),
    },
  }
}

/**
 * Mounts refuse a source that does not exist, where binds make it; but only binds can relabel for
 * SELinux, without which a confined container may not touch the files.
 */
function mountOptions(mounts: readonly Mount[], selinux: boolean) {
  if (selinux) {
    return { Binds: mounts.map((m) => `${m.host}:${m.sandbox}:${m.writable ? 'z' : 'ro,z'}`) }
  }
  return {
    Mounts: mounts.map((m) => ({
      Type: 'bind' as const,
      Source: m.host,
      Target: m.sandbox,
      ReadOnly: !m.writable,
    })),
  }
}
