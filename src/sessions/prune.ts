/** Which sandboxes are removed by themselves, and the removing of them. */
import { isSandboxError, oneLine, shown } from '../errors.ts'
import { isAlive } from '../process-identity.ts'
import type { Backend, SandboxInfo } from '../sandbox.ts'
import type { PruneSettings, Settings } from '../settings.ts'
import { isLeased, whileUnused } from './lease.ts'
import { isUnsettled, markUnknown } from './unsettled.ts'
import { forgetSandbox, readUse, writeUse } from './use-record.ts'
import { type WorkspaceKind, workspaceKind } from './workspace-kind.ts'

/** What there is to know of a sandbox when it is judged. */
export interface PruneFacts {
  readonly createdMs: number
  /** Undefined where no use is known. */
  readonly usedMs: number | undefined
  /** A call is in flight, or something runs in it. */
  readonly inUse: boolean
}

/** One that was used this lately may be used again at once, however old it is. */
const restMs = 60 * 60_000
const hourMs = 60 * 60_000
const dayMs = 24 * hourMs

/**
 * Why a sandbox is to be removed; undefined where it is not. One in use never is, nor one of which no
 * use is known: its time is counted from when that was noticed. Pure.
 */
export function pruneReason(
  { createdMs, usedMs, inUse }: PruneFacts,
  { idleHours, maxAgeDays }: PruneSettings,
  nowMs: number,
): 'idle' | 'old' | undefined {
  if (inUse || usedMs === undefined) return undefined
  const idleMs = nowMs - usedMs
  if (idleHours > 0 && idleMs > idleHours * hourMs) return 'idle'
  // Not every engine knows when it made one.
  const ageMs = createdMs === 0 ? 0 : nowMs - createdMs
  if (maxAgeDays > 0 && ageMs > maxAgeDays * dayMs && idleMs > restMs) return 'old'
  return undefined
}

/** Why a sandbox is kept that could be removed, and what a person does about it. */
export interface Kept {
  readonly why: string
  readonly help: string
}

/**
 * Set where what may be in the sandbox alone would be lost with it: only a person removes such a one.
 * Pure.
 */
export function keptFor(
  { name, workspace, ephemeral }: Pick<SandboxInfo, 'name' | 'workspace' | 'ephemeral'>,
  kind: WorkspaceKind,
  unsettled: boolean,
): Kept | undefined {
  const copyFirst = `copy what you need from it, then "sandbox-mcp recreate ${name}" removes it`
  if (kind === 'remote') return { why: 'its workspace is nowhere else', help: copyFirst }
  if (kind === 'bind' || !unsettled) return undefined
  const why = 'not all that was changed in its workspace came back to the host'
  if (ephemeral !== undefined) return { why, help: copyFirst }
  return {
    why,
    help: `the next command in it brings it back to ${shown(workspace)}; "sandbox-mcp recreate ${name}" gives it up`,
  }
}

export interface PruneCandidate {
  readonly info: SandboxInfo
  readonly reason: 'idle' | 'old'
  readonly kept: Kept | undefined
  readonly usedMs: number
}

export interface PruneScope {
  readonly backend: Backend
  readonly installation: string
  /** Where this server keeps what it must remember. */
  readonly state: string
  readonly prune: PruneSettings
  /** Of the workspaces of that backend's sandboxes, where it is not known how each was used last. */
  readonly workspaces: WorkspaceKind
}

/** What the sandboxes of these settings' backend are judged by. */
export const pruneScope = (
  settings: Settings,
  { backend, installation, state }: Pick<PruneScope, 'backend' | 'installation' | 'state'>,
): PruneScope => ({
  backend,
  installation,
  state,
  prune: settings.prune,
  workspaces: workspaceKind(settings),
})

/** Those that are to be removed, or would be if it could be done without loss. Removes nothing. */
export async function pruneCandidates(
  scope: PruneScope,
  signal: AbortSignal,
): Promise<readonly PruneCandidate[]> {
  const { backend, installation } = scope
  const found = await backend.list(installation, signal)
  return found.flatMap((info) => pruneCandidate(scope, info) ?? [])
}

/** What became of a candidate: one that is used or holds more now is `kept`, and `gone` if somebody else removed it. */
export type Removal = 'removed' | 'kept' | 'gone'

/** Removes one, if that is still to be done. Rejects as `Backend.remove`. */
export async function removeCandidate(
  scope: PruneScope,
  { info, kept }: PruneCandidate,
  signal: AbortSignal,
): Promise<Removal> {
  const { backend, state } = scope
  let removal: Removal = 'kept'
  const remove = async () => {
    // Its use was known; who removes one forgets that, in this turn. To judge it again would note a use of what is not there.
    if (readUse(state, info.name) === undefined) {
      removal = 'gone'
      return
    }
    const now = pruneCandidate(scope, info)
    // Nobody was asked about what has been left in it since.
    if (now === undefined || now.kept?.why !== kept?.why) return
    await backend.remove(info.name, signal)
    forgetSandbox(state, info.name)
    removal = 'removed'
  }
  await whileUnused(state, info.name, remove, signal)
  return removal
}

/**
 * Removes all that are idle or old and can go without loss, and tells `report` what was done and what
 * was kept. Never rejects: what cannot be removed now is tried again.
 */
export async function pruneSandboxes(
  scope: PruneScope,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { idleHours, maxAgeDays } = scope.prune
  if (idleHours === 0 && maxAgeDays === 0) return
  try {
    for (const one of await pruneCandidates(scope, signal)) {
      const { info, reason, kept } = one
      const called = `sandbox ${info.name} of ${oneLine(info.workspace)}`
      if (kept !== undefined) {
        report(`${called} is ${reason} and is kept, because ${kept.why}: ${kept.help}`)
        continue
      }
      try {
        if ((await removeCandidate(scope, one, signal)) !== 'removed') continue
        report(`${called} was ${reason} and is removed`)
      } catch (error) {
        if (signal.aborted || isSandboxError(error, 'BACKEND_UNAVAILABLE')) throw error
        report(`${called} is ${reason} and could not be removed: ${(error as Error).message}`)
      }
    }
  } catch (error) {
    // No engine answers, or the session has ended: a call that needs the engine tells it better.
    if (!isSandboxError(error) && !signal.aborted) console.error(error)
  }
}

/** The one of them that `info` is, if it is one. */
export function pruneCandidate(
  { state, prune, workspaces }: PruneScope,
  info: SandboxInfo,
): PruneCandidate | undefined {
  if (info.state === 'renamed') return undefined
  // One that ends with its server is swept when that is gone, if it can go without loss.
  if (info.ephemeral !== undefined && !isStranded(state, workspaces, info)) return undefined
  const inUse = isLeased(state, info.name)
  const use = readUse(state, info.name)
  const { createdMs, name, scopeKey, agent, workspace, kind } = info
  if (use === undefined && !inUse) {
    const known = { kind, scopeKey, agent, workspace, session: '' }
    if (workspaces !== 'bind') markUnknown(state, name)
    writeUse(state, name, { ...known, usedMs: Date.now() })
  }
  const usedMs = use?.usedMs
  const reason = pruneReason({ createdMs, usedMs, inUse }, prune, Date.now())
  if (reason === undefined || use === undefined) return undefined
  const kept = keptFor(info, use.workspaces ?? workspaces, isUnsettled(state, name))
  return { info, reason, kept, usedMs: use.usedMs }
}

/** An ephemeral one whose server is gone, with changes in it that the host does not have. */
export function isStranded(
  state: string,
  workspaces: WorkspaceKind,
  { name, ephemeral }: SandboxInfo,
): boolean {
  if (ephemeral === undefined || isAlive(ephemeral)) return false
  // The settings may have changed since.
  const kind = readUse(state, name)?.workspaces ?? workspaces
  return kind === 'mirror' && isUnsettled(state, name)
}
