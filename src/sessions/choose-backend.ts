/** The backend for a session: the one that was named, or the best that works here. */
import { backendUnavailable } from '../errors.ts'
import type { Backend, BackendKind } from '../sandbox.ts'

export interface BackendSettings {
  readonly backend: BackendKind | 'auto'
  readonly image?: string
  /** `none`, or a mode of the backend's: `host` for bubblewrap, any network for Docker. */
  readonly network: string
}

/** `auto` is Docker if a daemon answers, else bubblewrap, else an error that names both fixes. */
export async function chooseBackend(
  settings: BackendSettings,
  signal: AbortSignal,
): Promise<Backend> {
  if (settings.backend === 'docker') return dockerBackend(settings)
  if (settings.backend === 'bubblewrap') return bubblewrapBackend(settings)
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

// Each is loaded when it is chosen: a client's first answer waits for neither.

async function dockerBackend({ image, network }: BackendSettings): Promise<Backend> {
  const { DockerBackend } = await import('../backends/docker.ts')
  return new DockerBackend({ network, ...(image === undefined ? {} : { image }) })
}

async function bubblewrapBackend({ network }: BackendSettings): Promise<Backend> {
  const { BubblewrapBackend } = await import('../backends/bubblewrap.ts')
  return new BubblewrapBackend({
    network: network === 'none' ? 'none' : 'host',
    extraReadOnly: [],
  })
}
