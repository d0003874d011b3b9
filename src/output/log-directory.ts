/** Where the output of a session's commands is kept while the session lasts. */
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive, thisProcess } from '../process-identity.ts'

const prefix = 'sandbox-mcp-logs-'

/** A new directory, only its owner's. Whoever makes it removes it. */
export function newLogDirectory(): string {
  const { pid, started } = thisProcess()
  return mkdtempSync(join(tmpdir(), `${prefix}${pid}-${started}-`))
}

/** Removes those of servers that are gone without having removed them. Never throws. */
export function sweepLogDirectories(directory = tmpdir()): void {
  for (const name of namesIn(directory)) {
    const [, pid, started] = /^sandbox-mcp-logs-(\d+)-(\d*)-/.exec(name) ?? []
    if (pid === undefined || started === undefined) continue
    const path = join(directory, name)
    try {
      if (isAlive({ pid: Number(pid), started }) || !isOurs(path)) continue
      rmSync(path, { recursive: true, force: true })
    } catch {
      // The others can be removed all the same; this one is tried again at another start.
    }
  }
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
