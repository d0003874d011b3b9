/**
 * The process of bwrap itself, which stays outside and waits for the sandbox to end: what it is started with,
 * and how it ends.
 */

// biome-ignore lint/style/noRestrictedImports: `startMonitor` says why
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { backendUnavailable } from '../../errors.ts'
import type { SandboxLayout } from './arguments.ts'
import { descriptor } from './directory.ts'
import { inheritedDescriptors } from './processes.ts'

/** bwrap, as long as its sandbox is being started. */
export type Monitor = ChildProcessByStdio<Writable, null, Readable>

/**
 * Starts it as the owner of the sandbox, with `descriptors` from 3 on. Throws when the server has too many files open.
 * Not by execa, which compares each descriptor with every other: where the highest that this process inherited is 251
 * that is twenty megabytes of garbage for each sandbox.
 */
export function startMonitor(
  command: string,
  { uid, gid }: SandboxLayout,
  args: readonly string[],
  descriptors: readonly ('ignore' | 3)[],
): Monitor {
  const monitor = spawn(command, args, {
    stdio: ['pipe', 'ignore', 'pipe', ...descriptors],
    // In a group of its own, so that it is not ended with the server's; nothing of the server's environment,
    // which processes inside could read in /proc/1/environ.
    detached: true,
    env: { PATH: process.env.PATH ?? '' },
    uid,
    gid,
  })
  const { stdin, stderr } = monitor
  if (stdin !== null && stdin !== undefined && stderr !== null) return monitor as Monitor
  // The server has no descriptors left for its streams; why is told later, when somebody listens.
  monitor.once('error', () => {})
  throw new Error('the server has too many files open')
}

/** Resolves with how it ended in words; rejects with `BACKEND_UNAVAILABLE` when there is no such command. */
export function endOf(monitor: Monitor, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    monitor.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') reject(notInstalled(command, error))
      else resolve(error.message)
    })
    monitor.once('exit', (code, signal) =>
      resolve(code === null ? `it was ended by ${signal}` : `it ended with exit code ${code}`),
    )
  })
}

/**
 * The descriptors from 5 on. `bwrap` hands on what it inherits, and one on a directory would lead
 * out of the sandbox: `nothing` takes the place of each.
 */
export async function covers(nothing: number): Promise<('ignore' | 3)[]> {
  const inherited = (await inheritedDescriptors()).filter((fd) => fd > 4)
  const length = Math.max(4, ...inherited) - 4
  // For a child's descriptors above 2, 'ignore' leaves them as they are (here: not there).
  return Array.from({ length }, (_, index) =>
    inherited.includes(index + 5) ? descriptor(nothing) : 'ignore',
  )
}

/**
 * Kills it while it starts, with its group; harmless when it has ended. It alone is not enough: its child may be
 * waiting for it to write the uid map, and would do so for ever. Later that child leads a session of its own, and
 * ends with its leash.
 */
export function killMonitor(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

function notInstalled(command: string, cause: unknown) {
  return backendUnavailable(
    `the command ${command} was not found`,
    'Install bubblewrap with the package manager of this system, or use the Docker backend.',
    cause,
  )
}
