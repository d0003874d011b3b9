/** `sandbox-mcp prune`: what has not been used for long is removed, and never what is in use. */
import { oneLine } from '../errors.ts'
import { quote } from '../posix-sh.ts'
import {
  type PruneCandidate,
  type PruneScope,
  pruneCandidate,
  removeCandidate,
} from '../sessions/prune.ts'
import { knownInstallationId } from '../sessions/state-directory.ts'
import type { PruneSettings } from '../settings.ts'
import { type Arguments, readArguments } from './arguments.ts'
import { durationMs, durationText } from './duration.ts'
import { type OrphanWorkspace, orphanWorkspaces, removeOrphan } from './orphan-workspaces.ts'
import { type Found, findSandboxes, isUnsure, sayWhatIsMissing } from './sandboxes.ts'
import { ask, isAttended, print, printJson, say } from './terminal.ts'
import { toldError, within } from './within.ts'

/** Removing a large tree on another machine takes longest. */
const removeMs = 320_000
const hourMs = 3_600_000

interface Judged {
  readonly scope: PruneScope
  readonly candidate: PruneCandidate
}

/** How one is told that was not removed, with the mark before it. */
const notRemoved = {
  kept: ['!', 'is kept'],
  gone: ['!', 'is gone'],
  failed: ['\u2716', 'could not be removed'],
} as const

/** What became of one that is idle or old. */
interface Outcome {
  readonly name: string
  readonly workspace: string
  readonly reason: string
  readonly outcome: 'removed' | 'would be removed' | 'kept' | 'gone' | 'failed'
  readonly why?: string
}

export async function run(argv: readonly string[]): Promise<number> {
  const args = await readArguments('prune', argv)
  if (args === undefined) return 0
  const asked = askedLimits(args)
  const dry = args.given['dry-run'] !== undefined
  const found = await findSandboxes(args.server)
  sayWhatIsMissing(found)
  const outcomes: Outcome[] = []
  for (const judged of judge(found, asked)) outcomes.push(await prune(judged, dry))
  const workspaces =
    args.given.workspaces === undefined ? [] : await pruneWorkspaces(args, found, asked, dry)
  if (args.given.json !== undefined) await printJson({ sandboxes: outcomes, workspaces })
  else await printOutcomes([...outcomes, ...workspaces], dry)
  const failed = [...outcomes, ...workspaces].some(({ outcome }) => outcome === 'failed')
  return failed || isUnsure(found) ? 1 : 0
}

/** Undefined: those that each agent's settings have. */
function askedLimits({ given }: Arguments): PruneSettings | undefined {
  const { idle, age } = given
  if (idle === undefined && age === undefined) return undefined
  return {
    idleHours: idle === undefined ? 0 : durationMs('--idle', idle) / hourMs,
    maxAgeDays: age === undefined ? 0 : durationMs('--age', age) / (24 * hourMs),
  }
}

/** Each sandbox by the settings of its own agent, as its engine has told of it. */
function judge(
  { state, sandboxes, agents }: Found,
  asked: PruneSettings | undefined,
): readonly Judged[] {
  const installation = knownInstallationId(state)
  // Without an id nothing was made yet.
  if (installation === undefined) return []
  return sandboxes.flatMap(({ backend, info, settings, workspaces }) => {
    const { prune } = settings ?? agents.first.settings
    const scope = { backend, installation, state, prune: asked ?? prune, workspaces }
    const candidate = pruneCandidate(scope, info)
    return candidate === undefined ? [] : [{ scope, candidate }]
  })
}

async function prune({ scope, candidate }: Judged, dry: boolean): Promise<Outcome> {
  const { info, reason, kept, usedMs } = candidate
  const { name, workspace } = info
  const since = durationText(Date.now() - (reason === 'idle' ? usedMs : info.createdMs))
  const told = { name, workspace, reason: reason === 'idle' ? `idle for ${since}` : `${since} old` }
  if (kept !== undefined && !(await mayLose(name, kept.why, dry))) {
    return { ...told, outcome: 'kept', why: `${kept.why}; ${kept.help}` }
  }
  if (dry) return { ...told, outcome: 'would be removed' }
  try {
    const remove = (signal: AbortSignal) => removeCandidate(scope, candidate, signal)
    const outcome = await within(removeMs, `removing ${name}`, remove)
    if (outcome === 'removed') return { ...told, outcome }
    const why = outcome === 'kept' ? 'it was used just now' : 'somebody else has just removed it'
    return { ...told, outcome, why }
  } catch (error) {
    return { ...told, outcome: 'failed', why: toldError(error).message }
  }
}

/** What would be lost with it is for a person to give up. */
async function mayLose(name: string, why: string, dry: boolean): Promise<boolean> {
  if (dry || !isAttended()) return false
  return ask(`Remove ${name} all the same? ${why}, and is lost then.`)
}

async function pruneWorkspaces(
  { given }: Arguments,
  found: Found,
  asked: PruneSettings | undefined,
  dry: boolean,
): Promise<Outcome[]> {
  if (isUnsure(found)) {
    say(
      '! no workspaces are removed: they may belong to sandboxes on an engine that does not answer',
    )
    return []
  }
  const idleHours =
    given.idle === undefined ? found.agents.first.settings.prune.idleHours : (asked?.idleHours ?? 0)
  const outcomes: Outcome[] = []
  for (const orphan of orphanWorkspaces(found, idleHours * hourMs)) {
    outcomes.push(removeWorkspace(orphan, dry))
  }
  return outcomes
}

export function removeWorkspace(orphan: OrphanWorkspace, dry: boolean): Outcome {
  const { key, path, changed } = orphan
  const told = { name: key, workspace: path }
  if ('unknown' in changed) {
    const why = `${changed.unknown}, so that it cannot be told whether something in it was changed lately; copy what you need from it, then "rm -rf -- ${quote(path)}" removes it`
    return { ...told, reason: 'of no sandbox', outcome: 'kept', why }
  }
  const reason = `of no sandbox, unchanged for ${durationText(Date.now() - changed.ms)}`
  if (dry) return { ...told, reason, outcome: 'would be removed' }
  try {
    removeOrphan(orphan)
    return { ...told, reason, outcome: 'removed' }
  } catch (error) {
    const { message } = error as Error
    const why = `${message}; part of it may be gone: copy what you need from what is left, then "rm -rf -- ${quote(path)}" removes that, run by a user who may`
    return { ...told, reason, outcome: 'failed', why }
  }
}

async function printOutcomes(outcomes: readonly Outcome[], dry: boolean): Promise<void> {
  for (const { name, outcome, reason, why, workspace: path } of outcomes) {
    const workspace = oneLine(path)
    const line = `${name} (${reason}; ${workspace})`
    if (outcome === 'removed') {
      await print(`${name}\n`)
      say(`  removed: ${reason}; ${workspace}`)
    } else if (outcome === 'would be removed') await print(`${line}\n`)
    else {
      const [mark, end] = notRemoved[outcome]
      say(`${mark} ${line} ${end}: ${why}`)
    }
  }
  if (outcomes.length === 0) say('Nothing is idle or old enough to be removed.')
  else if (dry) say('Nothing was removed: --dry-run.')
}
