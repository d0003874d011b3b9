/**
 * The command that prepares a new sandbox. Until it has ended well the container has a name of its
 * own, so that a container under the sandbox's name is always one that was set up, whatever crashed
 * when. While a server is at it, it holds a lease inside: a process that ends with its connection.
 */
import { isSandboxError, sandboxStartFailed, shown } from '../../errors.ts'
import type { OpenContext, SandboxSpec } from '../../sandbox.ts'
import type { ContainerFacts } from './container-facts.ts'
import type { DockerEngine } from './engine.ts'
import { untilServerIsGone } from './main-process.ts'
import type { DockerSettings } from './settings.ts'

/** An installation of packages over a slow network ends within it. */
const longestMs = 30 * 60_000
/** Characters of each stream. */
const outputShown = 1_500
const reportEveryMs = 1_000

/** How a container is called that is being set up. */
export const setupName = (name: string) => `${name}-setup`

/** The sandbox's name, of a container's that may still be set up. */
export const sandboxNameOf = (container: string) => container.replace(/-setup$/, '')

const leaseScript = `${untilServerIsGone} # setup by sandbox-mcp`

/** Holds the container for this server; ends with the returned function, or with the server. */
export async function takeLease(
  engine: DockerEngine,
  id: string,
  signal: AbortSignal,
): Promise<() => void> {
  const channel = await engine.exec(id, id, ['sh', '-c', leaseScript], signal)
  channel.stdin.on('error', () => {})
  channel.stdout.resume()
  channel.stderr.resume()
  return () => {
    channel.stdin.end()
    channel.close()
  }
}

/** True while some server sets the container up. */
export async function isLeased(
  engine: DockerEngine,
  { id, status }: ContainerFacts,
  podman: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  if (status !== 'running') return false
  const lines = await engine.processes(id, podman, signal).catch((error: unknown) => {
    if (isSandboxError(error)) throw error
    // It ended meanwhile.
    return []
  })
  return lines.some((line) => line.endsWith(leaseScript))
}

/** Runs the command as `sh -lc`; `SANDBOX_START_FAILED` with the end of its output unless it ends well. */
export async function runSetup(
  engine: DockerEngine,
  { name }: SandboxSpec,
  id: string,
  { setupCommand = '', network }: DockerSettings,
  { signal, report }: OpenContext,
): Promise<void> {
  report(`setting up sandbox ${name}`)
  const channel = await engine.exec(id, name, ['sh', '-lc', setupCommand], signal)
  channel.stdin.on('error', () => {})
  channel.stdin.end()
  let reportedMs = Date.now()
  // Apart: the streams of an exec overtake each other, and the errors are what is looked for.
  const ends = [channel.stdout, channel.stderr].map((stream) => {
    const end = { text: '' }
    stream.setEncoding('utf8').on('data', (text: string) => {
      end.text = (end.text + text).slice(-outputShown)
      if (Date.now() - reportedMs < reportEveryMs) return
      reportedMs = Date.now()
      report(`setting up sandbox ${name}: ${end.text.trimEnd().split('\n').at(-1)}`)
    })
    return end
  })
  const code = await withinTime(channel.exit, signal).finally(() => channel.close())
  if (code === 0) return
  const end = ends
    .map(({ text }) => text.trim())
    .filter(Boolean)
    .join('\n')
  throw sandboxStartFailed(
    `docker.setupCommand ${shown(setupCommand)} ${code === undefined ? `did not end within ${longestMs / 60_000} minutes` : `failed with exit code ${code}`} in a new sandbox, which was removed; ${end === '' ? 'it printed nothing' : `the end of what it printed:\n${end}`}`,
    network === 'none'
      ? 'Correct docker.setupCommand; it runs without a network, because docker.network is none.'
      : 'Correct docker.setupCommand, then call again.',
  )
}

/** Undefined when it takes too long; rejects at once when the signal aborts. */
async function withinTime(exit: Promise<number>, signal: AbortSignal): Promise<number | undefined> {
  let timer: NodeJS.Timeout | undefined
  let stop = () => {}
  const late = new Promise<undefined>((resolve, reject) => {
    timer = setTimeout(resolve, longestMs, undefined)
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
  })
  try {
    return await Promise.race([exit, late])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}
