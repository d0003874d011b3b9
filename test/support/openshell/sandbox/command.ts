/** A command of an SSH channel: how it is started, and how its end is waited for. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { inDomain } from './landlock.ts'
import type { SupervisorSettings } from './settings.ts'

const proxy = 'http://10.200.0.1:3128'
const local = '127.0.0.1,localhost,::1'
const bundle = '/etc/openshell-tls/ca-bundle.pem'
const authority = '/etc/openshell-tls/openshell-ca.pem'

/** All that a command finds in its environment before a login shell adds to it. */
export function childEnvironment(
  { root, environment }: SupervisorSettings,
  term: string,
): Record<string, string> {
  return {
    OPENSHELL_SANDBOX: '1',
    HOME: root,
    USER: 'sandbox',
    SHELL: '/bin/bash',
    PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    TERM: term,
    ...environment,
    ALL_PROXY: proxy,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    NO_PROXY: local,
    http_proxy: proxy,
    https_proxy: proxy,
    no_proxy: local,
    grpc_proxy: proxy,
    NODE_USE_ENV_PROXY: '1',
    NODE_EXTRA_CA_CERTS: authority,
    DENO_CERT: authority,
    SSL_CERT_FILE: bundle,
    REQUESTS_CA_BUNDLE: bundle,
    CURL_CA_BUNDLE: bundle,
    GIT_SSL_CAINFO: bundle,
  }
}

/**
 * Starts `bash -lc command`, or bash reading its stdin, in the group of the supervisor: there is no
 * setsid. Rejects if it cannot be started.
 */
export function startCommand(
  settings: SupervisorSettings,
  command: string | undefined,
  term = 'dumb',
): Promise<ChildProcessWithoutNullStreams> {
  const { uid, gid, root, rules, nothingStarts } = settings
  if (nothingStarts) return Promise.reject(new Error('Permission denied (os error 13)'))
  return new Promise((resolve, reject) => {
    const options = command === undefined ? [] : ['-lc', command]
    const [program, ...args] = inDomain(rules, ['/bin/bash', ...options])
    const env = childEnvironment(settings, term)
    // Throws for what no argument can hold.
    const child = spawn(program, args, { uid, gid, cwd: root, env })
    child.on('spawn', () => resolve(child))
    child.on('error', reject)
  })
}

/**
 * Resolves with the exit code once both outputs have ended, or have not for a while: whoever is left
 * in the background may hold them open. A process that a signal ended has exit code 1.
 */
export async function endOf(
  child: ChildProcessWithoutNullStreams,
  outputs: readonly [Promise<void>, Promise<void>],
): Promise<number> {
  const code = await new Promise<number>((resolve) =>
    child.on('exit', (status) => resolve(status ?? 1)),
  )
  // Two waits, as for two messages: for whichever ends first, and then for the other.
  await within(2000, Promise.race(outputs))
  await within(1000, Promise.all(outputs))
  return code
}

async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([promise, late])
  clearTimeout(timer)
}
