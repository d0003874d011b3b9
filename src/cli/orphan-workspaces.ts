/** Private workspaces on this machine that belong to no sandbox any more. */
import { lstatSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { isLeased } from '../sessions/lease.ts'
import { privateWorkspaces, removePrivateWorkspace } from '../sessions/private-workspace.ts'
import { readUses } from '../sessions/use-record.ts'
import type { Found } from './sandboxes.ts'

export interface OrphanWorkspace {
  readonly directory: string
  readonly key: string
  readonly path: string
  /** When something in it was changed last. */
  readonly changedMs: number
}

/** A workspace with more entries takes too long to look at all of it, and is kept. */
const mostLooks = 10_000

/**
 * Those that no sandbox has, of no session that is open, that nobody used for `idleMs`, and in which nothing
 * was changed for so long; none if that is 0. Every engine must have told what it has. In a directory of the user's choice only
 * what can be nothing but ours counts: agents' names are no proof.
 */
export function orphanWorkspaces(
  { state, agents, sandboxes }: Found,
  idleMs: number,
): OrphanWorkspace[] {
  if (idleMs === 0) return []
  const own = join(state, 'workspaces')
  const directories = new Set([
    own,
    ...agents.all.map(({ settings }) => privateWorkspaces(settings, state)),
  ])
  // A restart of the machine ends sandboxes; who used one lately goes on in its workspace.
  const inUse = [...readUses(state)]
    .filter(([name, { usedMs }]) => Date.now() - usedMs < idleMs || isLeased(state, name))
    .map(([, { workspace }]) => workspace)
  const taken = new Set([...sandboxes.map(({ info }) => info.workspace), ...inUse])
  return [...directories].flatMap((directory) =>
    entries(directory).flatMap((key): OrphanWorkspace[] => {
      const path = join(directory, key)
      if (directory !== own && !isOnlyOurs(key)) return []
      if (key.startsWith('ephemeral-') || !isDirectory(path)) return []
      const isTaken = taken.has(path) || taken.has(realpathSync(path))
      if (isTaken || sandboxes.some(({ info }) => info.name === key) || isLeased(state, key))
        return []
      const changedMs = lastChange(path)
      return Date.now() - changedMs > idleMs ? [{ directory, key, path, changedMs }] : []
    }),
  )
}

/** With all that is in it; links are removed, and not followed. */
export const removeOrphan = ({ directory, key }: OrphanWorkspace) =>
  removePrivateWorkspace(directory, key)

const isOnlyOurs = (key: string) => /^(sbx-[a-z2-7]{15}|@shared|@session-[0-9a-f]{32})$/.test(key)

function entries(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/** A link is none. */
const isDirectory = (path: string) => lstatSync(path).isDirectory()

/** Now, where there is more than can be looked at: what changed lately may be in the rest. */
function lastChange(path: string): number {
  let latest = 0
  const waiting = [path]
  for (let looks = 0; looks < mostLooks; looks++) {
    const next = waiting.pop()
    if (next === undefined) return latest
    const stats = lstatSync(next)
    latest = Math.max(latest, stats.mtimeMs)
    if (!stats.isDirectory()) continue
    for (const name of entries(next)) waiting.push(join(next, name))
  }
  return waiting.length > 0 ? Date.now() : latest
}
