/**
 * What `docker.binds` may mount. A source is judged as it is written and as the links on its way lead;
 * what is blocked stays blocked whatever the settings allow. The rest of the world is only open to
 * those who set the `dangerously…` key that an error names.
 */
import type { Mount } from '../../sandbox.ts'
import { type HostFiles, thisHost } from './host-files.ts'
import { cleanPath, isBelow } from './paths-inside.ts'
import { refusal } from './refusal.ts'
import type { DockerSettings } from './settings.ts'

/** Where the workspace and the agent's copy of it are unless somebody chose other places. */
const usualTargets = ['/workspace', '/agent']

/** Never a target: the sandbox's own root, and what the kernel shows there. */
const kernelTargets = ['/proc', '/sys']

type BindSettings = Pick<
  DockerSettings,
  | 'binds'
  | 'workdir'
  | 'dangerouslyAllowExternalBindSources'
  | 'dangerouslyAllowReservedContainerTargets'
>

/**
 * The mounts that the binds ask for, sources as real paths; of several with one target the last.
 * `managed` are the mounts that are there without them, the workspace first; binds that are in it
 * already do not count. It is undefined while nobody knows which directory the workspace is: whether a
 * source is outside is not judged then. `CONFIG_INVALID` for the first bind that breaks a rule.
 */
export function parseBinds(
  settings: BindSettings,
  managed: readonly Mount[] | undefined,
  host: HostFiles = thisHost(),
): readonly Mount[] {
  const binds = settings.binds.map((bind) => readBind(bind, host))
  const own = managed?.filter((mount, at) => at === 0 || !binds.some((bind) => isSame(bind, mount)))
  const byTarget = new Map<string, Mount>()
  for (const bind of binds) {
    checkSource(bind, own, settings, host)
    checkTarget(bind, own ?? [], settings)
    byTarget.delete(bind.sandbox)
    byTarget.set(bind.sandbox, { host: bind.host, sandbox: bind.sandbox, writable: bind.writable })
  }
  return [...byTarget.values()]
}

/**
 * The mounts with the binds: in place of one with the same target, else after all others.
 * `CONFIG_INVALID` for a bind in the place of the workspace: the tools' would be another.
 */
export function withBinds(
  mounts: readonly [Mount, ...Mount[]],
  binds: readonly Mount[],
): readonly [Mount, ...Mount[]] {
  const all: [Mount, ...Mount[]] = [...mounts]
  for (const bind of binds) {
    const at = all.findIndex(({ sandbox }) => sandbox === bind.sandbox)
    if (at === -1) all.push(bind)
    else all[at] = bind
  }
  if (all[0].host === mounts[0].host) return all
  throw refusal(
    'binds',
    `${all[0].host}:${all[0].sandbox}`,
    `is refused: it would take the place of the workspace ${mounts[0].host}`,
    'Give that directory as the workspace, and take it out of docker.binds.',
  )
}

/** What is mounted where, as far as the texts tell. Looks at no file, and refuses nothing. */
export function bindTargets({ binds }: Pick<DockerSettings, 'binds'>): BindTarget[] {
  return binds.flatMap((text) => {
    const { target, mode } = parts(text)
    const path = cleanPath(target)
    return path === undefined ? [] : [{ path, writable: !mode.split(',').includes('ro') }]
  })
}

export interface BindTarget {
  /** Absolute inside. */
  readonly path: string
  readonly writable: boolean
}

interface Bind extends Mount {
  /** As it is written in the settings. */
  readonly text: string
  readonly source: string
}

const ignoredModes = ['z', 'Z', 'cached', 'delegated', 'consistent']

function parts(text: string) {
  // A drive letter has a colon of its own.
  const [, source = '', target = '', mode = 'rw'] =
    /^((?:[A-Za-z]:[\\/])?[^:]*):([^:]*)(?::([^:]*))?$/.exec(text) ?? []
  return { source, target, mode }
}

function readBind(text: string, host: HostFiles): Bind {
  const { source, target, mode } = parts(text)
  if (!host.isAbsolute(source)) {
    throw refusal(
      'binds',
      text,
      'has no absolute path on the host before its first colon',
      'Write "/path/on/host:/path/inside:ro"; named volumes are not offered.',
    )
  }
  const sandbox = cleanPath(target)
  if (
    sandbox === undefined ||
    sandbox === '/' ||
    kernelTargets.some((it) => isBelow(sandbox, it))
  ) {
    throw refusal(
      'binds',
      text,
      'has no usable path inside after its colon',
      'Write "/path/on/host:/path/inside:ro".',
    )
  }
  const modes = mode.split(',').filter((word) => !ignoredModes.includes(word))
  if (modes.some((word) => word !== 'ro' && word !== 'rw') || modes.length > 1) {
    throw refusal('binds', text, 'has an unknown mode', 'End it with ":ro" or ":rw".')
  }
  return { text, source, host: host.resolve(source), sandbox, writable: modes[0] !== 'ro' }
}

const isSame = (bind: Mount, mount: Mount) =>
  bind.host === mount.host && bind.sandbox === mount.sandbox && bind.writable === mount.writable

function checkSource(
  { text, source, host: real }: Bind,
  managed: readonly Mount[] | undefined,
  settings: BindSettings,
  host: HostFiles,
): void {
  const reason = host.blocked(source) ?? host.blocked(real)
  if (reason !== undefined) {
    throw refusal(
      'binds',
      text,
      `is refused: its source ${reason}`,
      'Bind a directory of your own work instead; no setting allows this one.',
    )
  }
  if (!host.exists(real)) {
    throw refusal('binds', text, 'is refused: its source is not there', 'Make it first.')
  }
  if (managed === undefined || managed.some((mount) => host.isIn(real, mount.host))) return
  if (settings.dangerouslyAllowExternalBindSources) return
  throw refusal(
    'binds',
    text,
    `is refused: its source is outside the workspace (${managed.map((one) => one.host).join(', ')})`,
    'Bind a directory of the workspace, or set docker.dangerouslyAllowExternalBindSources.',
  )
}

function checkTarget(
  { text, sandbox }: Bind,
  managed: readonly Mount[],
  settings: BindSettings,
): void {
  if (settings.dangerouslyAllowReservedContainerTargets) return
  const reserved = [...usualTargets, settings.workdir, ...managed.map((mount) => mount.sandbox)]
  const taken = reserved.find((place) => isBelow(sandbox, place))
  if (taken === undefined) return
  throw refusal(
    'binds',
    text,
    `is refused: its target is in ${taken}, which is reserved`,
    'Choose another target, or set docker.dangerouslyAllowReservedContainerTargets.',
  )
}
