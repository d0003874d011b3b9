/** The backend for a session: the one that was named, or the best that works here. */
import { join } from 'node:path'
import { backendUnavailable, configInvalid } from '../errors.ts'
import type { Backend } from '../sandbox.ts'
import type { Settings } from '../settings.ts'
import { backendOf } from './mode.ts'
import { expectedStateDirectory } from './state-directory.ts'

/**
 * The host for a session that has no sandbox, and for no other. `auto` is Docker if a daemon answers, else
 * bubblewrap, else an error that names both fixes; what is on other machines has to be named. `state` is
 * where this server keeps what it must remember; it need not be there yet. `CONFIG_INVALID` for a backend
 * that lacks its settings.
 */
export async function chooseBackend(
  settings: Settings,
  signal: AbortSignal,
  state = expectedStateDirectory(),
): Promise<Backend> {
  switch (backendOf(settings)) {
    case 'host':
      return hostBackend(state)
    case 'docker':
      return dockerBackend(settings)
    case 'bubblewrap':
      return bubblewrapBackend(settings)
    case 'ssh':
      return sshBackend(settings)
    case 'openshell':
      return openShellBackend(settings)
    case 'auto':
      return bestHere(settings, signal)
  }
}

/** The same one for all who ask, chosen when it is asked for first; a failure is not kept. */
export function backendOnce(
  settings: Settings,
  state: string,
): (signal: AbortSignal) => Promise<Backend> {
  let chosen: Backend | undefined
  return async (signal) => {
    chosen ??= await chooseBackend(settings, signal, state)
    return chosen
  }
}

async function bestHere(settings: Settings, signal: AbortSignal): Promise<Backend> {
  const docker = await dockerBackend(settings)
  const dockerFinding = await docker.checks[0]?.run(signal)
  if (dockerFinding?.ok) return docker
  const bubblewrap = await bubblewrapBackend(settings)
  for (const check of bubblewrap.checks) {
    const finding = await check.run(signal)
    if (!finding.ok) {
      throw backendUnavailable(
        `no sandbox can be made here. Docker: ${dockerFinding?.detail}. bubblewrap: ${finding.detail}`,
        `Start Docker, or make bubblewrap work: ${finding.fix}`,
      )
    }
  }
  return bubblewrap
}

// Each is loaded when it is chosen: a client's first answer waits for none.

async function hostBackend(state: string): Promise<Backend> {
  const { HostBackend } = await import('../backends/host.ts')
  return new HostBackend(join(state, 'host'))
}

async function dockerBackend({ docker }: Settings): Promise<Backend> {
  const { DockerBackend } = await import('../backends/docker.ts')
  return new DockerBackend(docker)
}

async function bubblewrapBackend({ bubblewrap }: Settings): Promise<Backend> {
  const { BubblewrapBackend } = await import('../backends/bubblewrap.ts')
  return new BubblewrapBackend({ network: bubblewrap.network, extraReadOnly: [] })
}

async function sshBackend({ ssh }: Settings): Promise<Backend> {
  if (ssh === undefined) {
    throw configInvalid(
      'backend "ssh" needs to know a host',
      'Set ssh.target to user@host:port, or to a host of your ssh_config.',
    )
  }
  const { SshBackend } = await import('../backends/ssh.ts')
  return new SshBackend(ssh)
}

async function openShellBackend({ openshell }: Settings): Promise<Backend> {
  const { OpenShellBackend } = await import('../backends/openshell.ts')
  return new OpenShellBackend(openshell)
}
