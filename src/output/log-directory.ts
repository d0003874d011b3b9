/** Where the output of a session's commands is kept while the session lasts. */
import { createHash } from 'node:crypto'
import { lstatSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive, pidSpace, thisProcess } from '../process-identity.ts'

const prefix = 'sandbox-mcp-logs-'
const namePattern = /^sandbox-mcp-logs-(\d+)-(\d*)-([0-9a-f]*)-[^-]+$/

/**
 * How long one is kept that was not refreshed and whose server cannot be seen here: it may be in another container
 * that shares the directory. Far longer than between two times that a server refreshes its own: a machine may have slept.
 */
const keptMs = 24 * 3_600_000

/** Those that this process has now. */
const own = new Set<string>()

/** A new directory, only its owner's. Whoever makes it removes it. */
export function newLogDirectory(): string {
  const { pid, started } = thisProcess()
  const path = mkdtempSync(join(tmpdir(), `${prefix}${pid}-${started}-${spaceKey()}-`))
  own.add(path)
  return path
}

/** Removes one of this process, with all logs in it. Harmless when there is none. */
export function removeLogDirectory(path: string): void {
  own.delete(path)
  rmSync(path, { recursive: true, force: true })
}

/** Tells servers that do not see this process that it has its logs still. Never throws. */
export function refreshLogDirectories(): void {
  const now = new Date()
  for (const path of own) {
    try {
      utimesSync(path, now, now)
    } catch {
      // Somebody has removed it.
    }
  }
}

/** Removes those of servers that are gone without having removed them. Never throws. */
export function sweepLogDirectories(directory = tmpdir()): void {
  for (const name of namesIn(directory)) {
    const [, pid, started, space] = namePattern.exec(name) ?? []
    if (pid === undefined || started === undefined || space === undefined) continue
    const path = join(directory, name)
    try {
      if (isAlive({ pid: Number(pid), started }) || !isOurs(path)) continue
      if (!wouldBeSeen(space) && Date.now() - lstatSync(path).mtimeMs < keptMs) continue
      rmSync(path, { recursive: true, force: true })
    } catch {
      // The others can be removed all the same; this one is tried again at another start.
    }
  }
}

/** Whether a process whose directory has that key would be seen here if it lived. */
const wouldBeSeen = (key: string) => key !== '' && key === spaceKey()

/** Where this process can be seen, as part of a name; '' where that cannot be told. */
function spaceKey(): string {
  const space = pidSpace()
  return space === '' ? '' : createHash('sha256').update(space).digest('hex').slice(0, 16)
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function isOurs(path: string): boolean {
  const stats = lstatSync(path)
  return stats.isDirectory() && (process.getuid === undefined || stats.uid === process.getuid())
}
