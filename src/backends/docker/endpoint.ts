/** Where a Docker-compatible engine listens: the same places, in the same order, as Docker's own CLI. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

export interface Endpoint {
  /** How messages name it. */
  readonly name: string
  /** Undefined: `DOCKER_HOST` and its TLS variables say it, and dockerode reads them. */
  readonly socketPath?: string
  /** Of another kind, from a context: a URL. */
  readonly url?: string
}

/**
 * The places to try, best first. `DOCKER_HOST` and a context that was chosen are the only answer when
 * they are there: falling back to another engine would surprise.
 */
export function endpoints(env: NodeJS.ProcessEnv = process.env, home = homedir()): Endpoint[] {
  if (env.DOCKER_HOST) return [{ name: env.DOCKER_HOST }]
  const context = contextHost(env, home)
  if (context !== undefined) return [fromUrl(context)]
  const runtime = env.XDG_RUNTIME_DIR
  const sockets = [
    '/var/run/docker.sock',
    ...(runtime ? [join(runtime, 'docker.sock')] : []),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
    join(home, '.orbstack/run/docker.sock'),
    join(home, '.colima/default/docker.sock'),
    join(home, '.rd/docker.sock'),
    ...(runtime ? [join(runtime, 'podman/podman.sock')] : []),
    '/run/podman/podman.sock',
    join(home, '.local/share/containers/podman/machine/podman.sock'),
  ]
  return sockets.map((path) => fromUrl(`unix://${path}`))
}

function fromUrl(url: string): Endpoint {
  const unix = /^(?:unix|npipe):\/\/(.*)$/.exec(url)?.[1]
  return unix === undefined ? { name: url, url } : { name: url, socketPath: unix }
}

/** The host of the chosen context (`DOCKER_CONTEXT`, else the CLI's current one), if it is not the default. */
function contextHost(env: NodeJS.ProcessEnv, home: string): string | undefined {
  const directory = env.DOCKER_CONFIG || join(home, '.docker')
  const read = (path: string): unknown => {
    try {
      return JSON.parse(readFileSync(join(directory, path), 'utf8'))
    } catch {
      return undefined
    }
  }
  const config = read('config.json') as { currentContext?: string } | undefined
  const context = env.DOCKER_CONTEXT || config?.currentContext
  if (!context || context === 'default') return undefined
  const id = createHash('sha256').update(context).digest('hex')
  const meta = read(`contexts/meta/${id}/meta.json`) as
    | { Endpoints?: { docker?: { Host?: string } } }
    | undefined
  return meta?.Endpoints?.docker?.Host
}

/** In dockerode's words; undefined leaves it to `DOCKER_HOST` and its TLS variables. */
export function connectionOptions({ socketPath, url }: Endpoint) {
  if (socketPath !== undefined) return { socketPath }
  if (url === undefined) return undefined
  const { protocol, hostname, port, username } = new URL(url.replace(/^tcp:/, 'http:'))
  return {
    protocol: protocol.replace(':', '') as 'http' | 'https' | 'ssh',
    host: hostname,
    ...(port === '' ? {} : { port: Number(port) }),
    ...(username === '' ? {} : { username }),
  }
}
