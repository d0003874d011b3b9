/** What there is to be after `open`, worked out from the settings before anything is made. */
import type { Mount, SandboxSpec } from '../../sandbox.ts'
import { parseBinds, withBinds } from './bind-rules.ts'
import type { ContainerOptions } from './engine.ts'
import type { EngineTraits } from './engine-traits.ts'
import { thisHost } from './host-files.ts'
import { label } from './labels.ts'
import { mountPointsHere, readOnlyBelow } from './nested-mounts.ts'
import { containerOptions } from './options.ts'
import { hostPath, type OwnContainer } from './own-container.ts'
import { refusal } from './refusal.ts'
import { seccompOf } from './seccomp-profile.ts'
import type { DockerSettings } from './settings.ts'

export interface Plan {
  /** With the mounts of the settings' binds. */
  readonly spec: SandboxSpec
  /** These, and what is mounted below read-only ones of them. */
  readonly mounts: readonly Mount[]
  readonly settings: DockerSettings
  readonly options: ContainerOptions
  readonly hash: string
  readonly podman: boolean
}

/** What is asked of an engine once. */
export interface Surroundings {
  readonly traits: EngineTraits
  readonly own: OwnContainer | undefined
}

/** `CONFIG_INVALID` for settings that cannot be honoured here. */
export function makePlan(
  spec: SandboxSpec,
  settings: DockerSettings,
  { traits, own }: Surroundings,
): Plan {
  const [workspace] = spec.mounts
  if (settings.workdir !== workspace.sandbox) {
    throw refusal(
      'workdir',
      settings.workdir,
      `is not where the workspace is mounted, ${workspace.sandbox}`,
      `Set docker.workdir to ${workspace.sandbox}.`,
    )
  }
  const binds = parseBinds(settings, spec.mounts)
  const mounts = withBinds(spec.mounts, binds)
  const all = [...mounts, ...readOnlyBelow(mounts, mountPointsFor(own))]
  const options = containerOptions({
    spec,
    settings,
    mounts: own === undefined ? all : onTheHost(all, binds, own),
    ...seccompOf(settings),
    traits,
  })
  return {
    spec: { ...spec, mounts },
    mounts: all,
    settings,
    options,
    hash: options.Labels?.[label.config] ?? '',
    podman: traits.podman !== undefined,
  }
}

/** What our own container has of its own there, a sandbox does not get. */
function mountPointsFor(own: OwnContainer | undefined): readonly string[] {
  const points = mountPointsHere()
  return points.filter((point) => !own?.mounts.some(({ destination }) => destination === point))
}

/** The sources as the engine's machine calls them, where the rules for binds hold too. */
function onTheHost(
  mounts: readonly Mount[],
  binds: readonly Mount[],
  own: OwnContainer,
): readonly Mount[] {
  return mounts.map((mount) => {
    const host = hostPath(mount.host, own)
    const reason = binds.includes(mount) ? thisHost().blocked(host) : undefined
    if (reason === undefined) return { ...mount, host }
    throw refusal(
      'binds',
      `${mount.host}:${mount.sandbox}`,
      `is refused: its source is ${host} on the host, which ${reason}`,
      'Bind a directory of your own work instead; no setting allows this one.',
    )
  })
}
