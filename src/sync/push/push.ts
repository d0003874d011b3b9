/** Carries a plan's changes of the sandbox there, with what they need of the host, as one stream. */
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { cancelled, isSandboxError } from '../../errors.ts'
import type { ScriptResult, Scripts } from '../../scripts/script.ts'
import { temporaryName } from '../../trees/temporary-name.ts'
import type { Unmade } from '../host/apply.ts'
import type { SyncChange } from '../reconcile/reconcile.ts'
import { syncInterrupted, syncRootMissing, transferCut } from '../sync-errors.ts'
import { syncFunctions } from '../sync-functions.ts'
import { archiveOf, type PushSource } from './archive.ts'
import { pushExits } from './parts.ts'
import type { PushLine } from './plan.ts'
import { pushScript } from './push-script.ts'
import { smallPushCall } from './small-push-script.ts'

/** What is no more than this goes with the commands: a connection of its own would cost more. */
const smallBytes = 1024 * 1024
/** What is no more than this is sent at once: it costs no channel of its own. */
const fewBytes = 128 * 1024
const fewChanges = 64

/**
 * Makes `changes` at `root`, absolute in the sandbox. What cannot be read as the plan has it any more is
 * stale and not sent. Rejects with `SYNC_INTERRUPTED` when nothing can be known to have been done; what is
 * there is whole all the same.
 */
export async function push(
  scripts: Scripts,
  root: string,
  changes: readonly SyncChange[],
  source: PushSource,
  signal: AbortSignal,
): Promise<Unmade> {
  const unmade: Unmade = { stale: new Set(), refused: new Map(), full: new Set() }
  if (changes.length === 0) return unmade
  let lines: readonly PushLine[] = []
  const planned = (all: readonly PushLine[]) => {
    lines = all
  }
  const pieces = archiveOf(changes, source, unmade.stale, planned, signal)
  const archive = Readable.from(pieces, { objectMode: false })
  let broken: unknown
  archive.once('error', (error) => {
    broken = error
  })
  const halt = new AbortController()
  archive.once('error', () => halt.abort())
  const traffic = source.bytes > smallBytes ? 'bulk' : 'command'
  let answer: ScriptResult
  try {
    const isFew = source.bytes <= fewBytes && changes.length <= fewChanges
    const stdin = isFew ? await buffer(archive) : archive
    const stage = temporaryName()
    const script = isFew ? smallPushCall(root, stage, lines) : pushScript(root, stage)
    const functions = isFew ? syncFunctions : undefined
    const either = AbortSignal.any([signal, halt.signal])
    answer = await scripts.run(script, stdin, either, traffic, functions)
  } catch (error) {
    if (broken !== undefined) throw broken
    if (signal.aborted) throw cancelled('the sync')
    throw traffic === 'bulk' && isSandboxError(error, 'SANDBOX_LOST') ? transferCut(error) : error
  } finally {
    archive.destroy()
  }
  const { code, stdout, stderr } = answer
  const told = stdout.toString().split('\n')
  if (code === pushExits.noRoot) throw syncRootMissing('sandbox')
  if (code !== 0 || told.at(-2) !== 'done') throw syncInterrupted('sandbox', reasonOf(code, stderr))
  for (const answer of told.slice(0, -2)) {
    const [word, number] = answer.split(' ')
    const line = lines[Number(number) - 1]
    if (line === undefined) continue
    if (word === 'denied') unmade.refused.set(line.path, 'permission denied')
    else if (line.verb === 'rmdir') unmade.full.add(line.path)
    else unmade.stale.add(line.path)
  }
  if (unmade.full.size === 0) return unmade
  // Where something else has its place now, a directory is gone.
  for (const { verb, path } of lines) {
    if (verb === 'new' && !unmade.stale.has(path) && !unmade.refused.has(path)) {
      unmade.full.delete(path)
    }
  }
  return unmade
}

function reasonOf(code: number, stderr: string): string {
  const said = stderr.trim().split('\n').slice(-3).join('; ')
  if (code === pushExits.cut) return 'the transfer was cut'
  return said === '' ? `exit code ${code}` : said
}
