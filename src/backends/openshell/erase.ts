/** A sandbox from whatever it is to absent. The command deletes by name, and what it says of it is not all that counts. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isSandboxError } from '../../errors.ts'
import { deleteCall } from './arguments.ts'
import type { OpenShellCommand } from './command.ts'
import { findSandbox, type SandboxFacts } from './facts.ts'
import type { Failure } from './failures.ts'
import { PhaseWait } from './phase-wait.ts'

/** How long deleting may take; what it holds is stopped first. */
export const eraseMs = 300_000
const deleteAttempts = 3
const pauseMs = 300
/** A gateway that did not tell of a delete may not tell anything. */
const acceptedMs = 10_000

/**
 * Deletes the sandbox and waits until the gateway has no record of it, or one of a later sandbox. Succeeds
 * when it is gone already.
 */
export async function erase(
  command: OpenShellCommand,
  facts: SandboxFacts,
  signal: AbortSignal,
): Promise<void> {
  const { id, name, phase } = facts
  if (phase !== 'Deleting') await requestDelete(command, facts, signal)
  const wait = new PhaseWait(signal, eraseMs)
  for (;;) {
    const left = await findSandbox(command, name, signal)
    if (left?.id !== id) return
    await wait.pause(name, left.phase)
  }
}

async function requestDelete(
  command: OpenShellCommand,
  facts: SandboxFacts,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const refused = await refusal(command, facts.name, signal)
    if (refused === undefined || (await isAccepted(command, facts, signal))) return
    if (refused.kind !== 'passing' || attempt === deleteAttempts) throw refused.error
    await sleep(pauseMs, undefined, { signal }).catch(() => {})
  }
}

/** What the command says of why it is not deleted, if anything. */
async function refusal(
  command: OpenShellCommand,
  name: string,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  try {
    const answer = await command.run(() => deleteCall(name), { signal, name })
    return answer.ok || answer.failure.kind === 'absent' ? undefined : answer.failure
  } catch (error) {
    if (!isSandboxError(error, 'BACKEND_UNAVAILABLE')) throw error
    return { kind: 'lasting', error }
  }
}

/** Whether the gateway has deleted it all the same, or is about to; what has the name then is another one. */
async function isAccepted(
  command: OpenShellCommand,
  { id, name }: SandboxFacts,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(acceptedMs)])
    const left = await findSandbox(command, name, limit)
    return left?.id !== id || left.phase === 'Deleting'
  } catch (error) {
    if (signal.aborted || !isSandboxError(error)) throw error
    return false
  }
}
