/**
 * Where bubblewrap sandboxes keep their state on the host: one directory per user, one below it per
 * sandbox. Sandboxes see a part of theirs, and read-only: nothing in here is theirs to change.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { chmod, lstat, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { cancelled, sandboxStartFailed, shown } from '../../errors.ts'
import { thisProcess } from '../../process-identity.ts'
import type { ServerProcess } from '../../sandbox.ts'

/** What is known of a sandbox without entering it. `processes` is there once it was started. */
export interface SandboxRecord {
  /** How server and holder talk; servers that differ in it cannot share a sandbox. */
  readonly protocol: number
  readonly name: string
  readonly installation: string
  readonly scopeKey: string
  readonly agent: string
  readonly workspace: string
  readonly createdMs: number
  readonly ephemeral?: ServerProcess
  readonly argumentsHash: string
  readonly processes?: { readonly monitor: ServerProcess; readonly init: ServerProcess }
}

/**
 * The directory for all sandboxes of this user. Where it lies depends on the user alone, not on the
 * environment: clients start servers with different ones, and all must find the same sandboxes.
 */
export async function runtimeDirectory(chosen: string | undefined): Promise<string> {
  if (chosen !== undefined) return chosen
  const uid = ownUid()
  if (uid === 0) return '/run/sandbox-mcp'
  const ofSession = `/run/user/${uid}`
  const there = await stat(ofSession).catch(() => undefined)
  return there?.uid === uid ? `${ofSession}/sandbox-mcp` : `/tmp/sandbox-mcp-${uid}`
}

/**
 * Removes a directory with all that is in it; harmless when there is none. What a server has left running that was
 * killed may still make something there for a moment.
 */
export const removeDirectory = (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 })

/**
 * Makes `directory`, or makes sure that it is ours: others could otherwise have put one there to
 * lead us elsewhere. Root's can be passed through, because its sandboxes run as other users.
 */
export async function claimDirectory(directory: string): Promise<void> {
  const mode = directoryMode()
  await mkdir(directory, { mode }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return
    throw sandboxStartFailed(
      `the directory ${shown(directory)} for the state of sandboxes cannot be made: ${error.message}`,
      `Make sure that ${dirname(directory)} exists and that the server may write there.`,
      error,
    )
  })
  const found = await lstat(directory)
  if (!found.isDirectory() || found.uid !== ownUid()) {
    throw sandboxStartFailed(
      `${shown(directory)} should hold the state of sandboxes but is ${
        found.isDirectory() ? `owned by uid ${found.uid}` : 'not a directory'
      }`,
      'Find out who made it, remove it, then call again.',
    )
  }
  if ((found.mode & 0o777) !== mode) await chmod(directory, mode)
}

/** The mode of every directory here: nobody else may list them. */
export function directoryMode(): number {
  return ownUid() === 0 ? 0o711 : 0o700
}

export function ownUid(): number {
  return process.getuid?.() ?? -1
}

/** The record of a sandbox; undefined when there is none that can be read. */
export async function readRecord(
  directory: string,
  name: string,
): Promise<SandboxRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, name, 'holder.json'), 'utf8'))
  } catch {
    return undefined
  }
}

/** Replaces the record as a whole: a reader sees the old one or the new one. */
export async function writeRecord(directory: string, record: SandboxRecord): Promise<void> {
  const file = join(directory, record.name, 'holder.json')
  await writeFile(`${file}.new`, JSON.stringify(record), { mode: 0o600 })
  await rename(`${file}.new`, file)
}

/**
 * Takes the lock under which a sandbox is made and removed. The kernel holds it with our open file,
 * so it ends with us however we end. Waits for others as long as `signal` allows.
 */
export async function takeLock(directory: string, name: string, signal: AbortSignal) {
  const file = lockFile(directory, name)
  for (;;) {
    const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants
    const fd = openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
    try {
      // flock locks the open file that it shares with us, and leaves it locked when it exits.
      await execa('flock', ['-x', '0'], {
        stdio: [descriptor(fd), 'ignore', 'pipe'],
        cancelSignal: signal,
      })
    } catch (error) {
      closeSync(fd)
      if (signal.aborted) throw cancelled('opening the sandbox')
      throw sandboxStartFailed(
        `the lock ${shown(file)} could not be taken: ${(error as Error).message}`,
        'Make sure that the command flock (util-linux) is installed.',
        error,
      )
    }
    // Whoever removes a sandbox removes its lock: only the one that is there counts.
    const there = await stat(file).catch(() => undefined)
    if (there?.ino === fstatSync(fd).ino) return { release: () => closeSync(fd) }
    closeSync(fd)
  }
}

/** An open file as execa takes it for a child; its types name the first few numbers only. */
export function descriptor(fd: number): 3 {
  return fd as 3
}

export function lockFile(directory: string, name: string): string {
  return join(directory, `${name}.lock`)
}

/** The name of a connection's directory: tells whether the server that made it still runs. */
export function connectionName(random: string): string {
  const { pid, started } = thisProcess()
  return `${pid}-${started}-${random}`
}

/** Who made the connection of that name. */
export function connectionOwner(name: string): ServerProcess {
  const [pid = '', started = ''] = name.split('-')
  return { pid: Number(pid), started }
}
