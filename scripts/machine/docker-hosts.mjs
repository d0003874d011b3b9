// Where a Docker Engine, or Podman's compatible service, may be listening on this machine.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Hosts to try, most explicit first. An explicit one that is silent is not passed over. */
export function dockerHosts(env = process.env) {
  if (env.DOCKER_HOST) return [env.DOCKER_HOST]
  const context = contextHost(env)
  if (context !== undefined) return [context]
  if (process.platform === 'win32') return ['npipe:////./pipe/docker_engine']
  const others = knownSockets(env).filter((path) => existsSync(path))
  return [defaultHost, ...others.map((path) => `unix://${path}`)]
}

/** Where a daemon listens unless told otherwise. */
export const defaultHost = 'unix:///var/run/docker.sock'

function knownSockets(env) {
  const home = homedir()
  const runtime = env.XDG_RUNTIME_DIR
  return [
    ...(runtime ? [join(runtime, 'docker.sock')] : []),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
    join(home, '.orbstack/run/docker.sock'),
    join(home, '.colima/default/docker.sock'),
    join(home, '.rd/docker.sock'),
    ...(runtime ? [join(runtime, 'podman/podman.sock')] : []),
    join(home, '.local/share/containers/podman/machine/podman.sock'),
    '/run/podman/podman.sock',
  ]
}

/** The endpoint of the docker CLI's current context, when that is not the default one. */
function contextHost(env) {
  const folder = env.DOCKER_CONFIG || join(homedir(), '.docker')
  const name = env.DOCKER_CONTEXT || readJson(join(folder, 'config.json'))?.currentContext
  if (!name || name === 'default') return undefined
  const id = createHash('sha256').update(name).digest('hex')
  return readJson(join(folder, 'contexts/meta', id, 'meta.json'))?.Endpoints?.docker?.Host
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** What node:http needs to reach `host`; throws with the reason when that cannot be. */
export function connection(host, env = process.env) {
  if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) }
  if (host.startsWith('npipe://')) return { socketPath: host.slice('npipe://'.length) }
  const url = URL.canParse(host) ? new URL(host) : undefined
  if (url === undefined || !['tcp:', 'http:', 'https:'].includes(url.protocol)) {
    throw new Error('only unix, npipe and tcp hosts are understood')
  }
  const secure = url.protocol === 'https:' || Boolean(env.DOCKER_TLS_VERIFY)
  const port = Number(url.port || (secure ? 2376 : 2375))
  const address = { host: url.hostname, port }
  if (!secure) return address
  const folder = env.DOCKER_CERT_PATH || join(homedir(), '.docker')
  const read = (name) => readFileSync(join(folder, name))
  return { ...address, secure, ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
}
