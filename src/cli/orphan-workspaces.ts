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
  /** When something in it was changed last, or why that cannot be told; it is kept then. */
  readonly changed: { readonly ms: number } | { readonly unknown: string }
}

/** A workspace with more entries takes too long to look at all of it. */
const mostLooks = 10_000

/**
 * Those that no sandbox has, of no session that is open, that nobody used for `idleMs`, and in which nothing
 * was changed for so long; none if that is 0. Every engine must have told what it has. In a directory of the
 * user's choice only what can be nothing but ours counts: agents' names are no proof. Each is judged when it
 * is asked for: removing the one before may have taken long.
 */
export function* orphanWorkspaces(
  { state, agents, sandboxes }: Found,
  idleMs: number,
): Generator<OrphanWorkspace> {
  if (idleMs === 0) return
  const own = join(state, 'workspaces')
  const directories = new Set([
    own,
    ...agents.all.map(({ settings }) => privateWorkspaces(settings, state)),
  ])
  const ofSandboxes = new Set(sandboxes.flatMap(({ info }) => [info.name, info.workspace]))
  for (const directory of directories) {
    for (const key of entries(directory)) {
      const path = join(directory, key)
      if (directory !== own && !isOnlyOurs(key)) continue
      if (key.startsWith('ephemeral-') || isLeased(state, key)) continue
      const real = realDirectory(path)
      if (real === undefined || [key, path, real].some((one) => ofSandboxes.has(one))) continue
      if (isUsed(state, [path, real], idleMs)) continue
      const changed = lastChange(path, idleMs)
      if (changed !== undefined) yield { directory, key, path, changed }
    }
  }
}

/** A restart of the machine ends sandboxes; who used one lately goes on in its workspace, whose `paths` these are. */
function isUsed(state: string, paths: readonly string[], idleMs: number): boolean {
  return [...readUses(state)].some(
    ([name, { workspace, usedMs }]) =>
      paths.includes(workspace) && (Date.now() - usedMs < idleMs || isLeased(state, name)),
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

/** Undefined for what is no directory, or not there any more; a link is none. */
function realDirectory(path: string): string | undefined {
  try {
    return lstatSync(path).isDirectory() ? realpathSync(path) : undefined
  } catch {
    return undefined
  }
}

/** When something in it was changed last; undefined where that was less than `idleMs` ago. */
function lastChange(path: string, idleMs: number): OrphanWorkspace['changed'] | undefined {
  let latest = 0
  const waiting = [path]
  try {
    for (let looks = 0; looks < mostLooks; looks++) {
      const next = waiting.pop()
      if (next === undefined) return { ms: latest }
      const stats = lstatSync(next)
      if (Date.now() - stats.mtimeMs <= idleMs) return undefined
      latest = Math.max(latest, stats.mtimeMs)
      if (!stats.isDirectory()) continue
      for (const name of readdirSync(next)) waiting.push(join(next, name))
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // Somebody changes it at this moment.
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    return { unknown: message }
  }
  if (waiting.length === 0) return { ms: latest }
  return { unknown: `it has more than ${mostLooks.toLocaleString('en')} entries` }
}
