/** Finds the engine that there is. */
import { backendUnavailable } from '../../errors.ts'
import { type Endpoint, endpoints } from './endpoint.ts'
import { DockerEngine } from './engine.ts'
import { startEngine } from './engine-error.ts'

/** The first engine that answers, or `BACKEND_UNAVAILABLE` with what was tried. */
export async function connectEngine(
  signal: AbortSignal,
  candidates: readonly Endpoint[] = endpoints(),
): Promise<DockerEngine> {
  const refusals: string[] = []
  for (const endpoint of candidates) {
    const engine = engineAt(endpoint)
    try {
      await engine.ping(signal)
      return engine
    } catch (error) {
      if (signal.aborted) throw error
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') refusals.push(`${endpoint.name}: ${(error as Error).message}`)
    }
  }
  throw backendUnavailable(
    refusals.length > 0
      ? `no Docker engine answered (${refusals.join('; ')})`
      : `no Docker engine is running: ${candidates.length === 1 ? `there is no ${candidates[0]?.name}` : 'none of its usual sockets is there'}`,
    startEngine,
  )
}

/** Asks nothing. `BACKEND_UNAVAILABLE` where no engine can be. */
function engineAt(endpoint: Endpoint): DockerEngine {
  const { name, problem } = endpoint
  if (problem !== undefined) throw backendUnavailable(problem, startEngine)
  try {
    return new DockerEngine(endpoint)
  } catch (error) {
    const why = (error as Error).message
    throw backendUnavailable(`${name} cannot be connected to: ${why}`, startEngine, error)
  }
}
