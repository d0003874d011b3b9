/** Whether settings can be used, before anything is opened. Each backend judges its own; no engine is asked. */
import { realpathSync } from 'node:fs'
import { configInvalid, isSandboxError, type SandboxError, shown } from '../errors.ts'
import type { Settings } from '../settings.ts'
import type { Combined } from './combine.ts'
import { type Sourced, sourceText } from './source.ts'

type Judged = Pick<Combined, 'settings' | 'origins'>

/**
 * A `CONFIG_INVALID` for each value that cannot be used and for what cannot be together, with the place
 * where it was set. Only what was set is judged, and only where it counts: defaults are right, and no
 * backend's code is loaded for them. Looks at the files of the host that settings name.
 */
export async function judge({ settings, origins }: Judged): Promise<SandboxError[]> {
  if (settings.mode === 'off') return []
  const found = [
    ...contradictions({ settings, origins }),
    ...(await judgeBackend({ settings, origins })),
  ]
  return found.map((error) => placed(error, origins))
}

/** The same with the place where the value was set, where that is known. */
function placed(error: SandboxError, origins: Combined['origins']): SandboxError {
  const { setting, message, hint } = error
  const found = setting === undefined ? undefined : origins.get(setting)
  if (found === undefined || found.source.kind === 'default') return error
  const sources = [found.source, ...(found.also ?? [])].map(sourceText)
  return configInvalid(`${message} (${sources.join(', ')})`, hint, setting)
}

/** One error for all of them; nothing when there are none. */
export function refuseProblems(problems: readonly SandboxError[]): void {
  const [first, ...others] = problems
  if (first === undefined) return
  if (others.length === 0) throw first
  const lines = problems.flatMap(({ message, hint }) => [`\u2716 ${message}`, `  \u2192 ${hint}`])
  throw configInvalid(
    [`${problems.length} settings cannot be used:`, ...lines].join('\n'),
    'Correct them; "sandbox-mcp explain" shows what holds then.',
  )
}

async function judgeBackend(judged: Judged): Promise<SandboxError[]> {
  const { settings, origins } = judged
  switch (settings.backend) {
    case 'auto':
    case 'docker':
      return isSet(origins, 'docker.') ? judgeDocker(settings) : []
    case 'openshell':
      return isSet(origins, 'openshell.') ? judgeOpenShell(settings) : []
    case 'ssh':
      return judgeSsh(settings)
    case 'bubblewrap':
      return judgeBubblewrap(judged)
  }
}

async function judgeDocker({ docker, workspace, access }: Settings): Promise<SandboxError[]> {
  const [{ checks }, { parseBinds }, { seccompOf }] = await Promise.all([
    import('../backends/docker/check-settings.ts'),
    import('../backends/docker/bind-rules.ts'),
    import('../backends/docker/seccomp-profile.ts'),
  ])
  // With less access the mounts are others, and are judged when they are known.
  const host = access === 'rw' && workspace !== undefined ? real(workspace.path) : undefined
  const managed =
    host === undefined ? undefined : [{ host, sandbox: docker.workdir, writable: true }]
  const own = checks.flatMap((check) => failure(() => check(docker)))
  return [
    ...own,
    ...(own.some(({ setting }) => setting === 'docker.seccompProfile')
      ? []
      : failure(() => seccompOf(docker))),
    ...docker.binds.flatMap((bind) =>
      failure(() => parseBinds({ ...docker, binds: [bind] }, managed)),
    ),
  ]
}

async function judgeOpenShell({ openshell }: Settings): Promise<SandboxError[]> {
  const { checks } = await import('../backends/openshell/check-settings.ts')
  return checks.flatMap((check) => failure(() => check(openshell)))
}

async function judgeSsh({ ssh }: Settings): Promise<SandboxError[]> {
  if (ssh === undefined) return []
  const { resolveDestination, thisAccount } = await import('../backends/ssh/destination.ts')
  return failure(() => resolveDestination(ssh, thisAccount())).map((error) =>
    error.setting === undefined ? configInvalid(error.message, error.hint, 'ssh.target') : error,
  )
}

/** `--network` means whichever backend there is, and this one has two networks. */
function judgeBubblewrap({ origins }: Judged): SandboxError[] {
  const network = origins.get('docker.network')
  const isFlag = network?.source.name === '--network'
  if (!isFlag || ['none', 'bridge', 'host'].includes(String(network.value))) return []
  return [
    configInvalid(
      `bubblewrap has no network ${shown(String(network.value))}`,
      "Use none, or host for this machine's network as it is.",
      'docker.network',
    ),
  ]
}

/** What is right on its own, and not together. */
function contradictions({ settings, origins }: Judged): SandboxError[] {
  const { backend, docker, ssh } = settings
  const from = (key: string) =>
    sourceText(origins.get(key)?.source ?? { kind: 'default', name: 'default' })
  const found: SandboxError[] = []
  if (backend === 'openshell' && origins.get('openshell.enabled')?.value === false) {
    found.push(
      configInvalid(
        `the backend openshell (${from('backend')}) is forbidden (${from('openshell.enabled')})`,
        'Set plugins.entries.openshell.enabled to true, or choose another backend.',
      ),
    )
  }
  if (backend === 'openshell' && docker.binds.length > 0) {
    found.push(
      configInvalid(
        `docker.binds (${from('docker.binds')}) cannot be had with the backend openshell: it mounts nothing of the host`,
        'Leave them out, or choose the backend docker.',
      ),
    )
  }
  if (backend === 'ssh' && ssh === undefined) {
    found.push(
      configInvalid(
        `the backend ssh (${from('backend')}) needs a host, and none is named`,
        'Set ssh.target in the file, or --set ssh.target=user@host.',
      ),
    )
  }
  return found
}

const isSet = (origins: ReadonlyMap<string, Sourced>, prefix: string) =>
  [...origins].some(([key, { source }]) => key.startsWith(prefix) && source.kind !== 'default')

function failure(check: () => unknown): SandboxError[] {
  try {
    check()
    return []
  } catch (error) {
    if (!isSandboxError(error, 'CONFIG_INVALID')) throw error
    return [error]
  }
}

function real(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}
