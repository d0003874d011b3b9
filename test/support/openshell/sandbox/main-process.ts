/** The canonical main process of a sandbox, whose stdin never ends; `openshell-main` attaches to it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { childEnvironment } from './command.ts'
import { inDomain } from './landlock.ts'
import type { SupervisorSettings } from './settings.ts'

export interface MainProcess {
  readonly child: ChildProcess
  /** What it has printed so far, at most 1 MiB. */
  readonly printed: Buffer[]
}

const replayBytes = 1024 * 1024

/** Starts it if there is one; `ended` hears its exit code, 128 + n for a signal. */
export function startMain(
  settings: SupervisorSettings,
  ended: (code: number) => void,
): MainProcess | undefined {
  const [main, ...options] = settings.main
  if (main === undefined) return undefined
  const { uid, gid, root, rules } = settings
  const [program, ...args] = inDomain(rules, [main, ...options])
  const env = childEnvironment(settings, 'dumb')
  const child = spawn(program, args, { uid, gid, cwd: root, env, detached: true })
  const printed: Buffer[] = []
  let size = 0
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed.push(chunk)
      size += chunk.length
      while (size > replayBytes) size -= printed.shift()?.length ?? 0
    })
  }
  child.stdin.on('error', () => {})
  child.on('error', () => ended(127))
  child.on('exit', (code, signal) => ended(code ?? 128 + signalNumber(signal)))
  return { child, printed }
}

function signalNumber(name: string | null): number {
  return { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 }[name ?? ''] ?? 0
}
