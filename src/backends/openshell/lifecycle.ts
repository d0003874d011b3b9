/**
 * A sandbox from absent to Ready, and to absent again. Only what the gateway calls absent is created,
 * and only what can hold no work of its own is deleted to be made anew.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isSandboxError, sandboxStartFailed } from '../../errors.ts'
import { quote } from '../../posix-sh.ts'
import type { OpenContext, SandboxSpec } from '../../sandbox.ts'
import { keptStale } from '../stale.ts'
import { createCall, startCall } from './arguments.ts'
import type { Answer, OpenShellCommand } from './command.ts'
import { erase, eraseMs } from './erase.ts'
import { factsIn, findSandbox, type SandboxFacts } from './facts.ts'
import type { Features } from './features.ts'
import { createSeconds } from './gateway.ts'
import { labelsFor, recordOf } from './labels.ts'
import { refuseForeign } from './ownership.ts'
import { PhaseWait } from './phase-wait.ts'
import { settingsHash } from './settings-hash.ts'

/** The sandbox that is Ready. */
export interface Settled {
  /** What its creation is called, for `discard`; undefined when it was there before. */
  readonly creation: string | undefined
  /** `Sandbox.stale`. */
  readonly stale: string | undefined
}

/** What a creation is called in the labels, and the sandbox where the command told it. */
interface Creation {
  readonly creation: string
  readonly facts?: SandboxFacts | undefined
}

/**
 * How often a creation is looked for whose command was ended: the request can be carried out after that.
 */
const looksForInterrupted = 3
const lookPauseMs = 300
/** How often one is created in one opening, where others keep deleting it. */
const mostCreations = 3

/**
 * Finds the sandbox of `spec` or creates it, and waits until it is Ready. What was created is deleted
 * again when that fails or is cancelled.
 */
export async function settle(
  command: OpenShellCommand,
  spec: SandboxSpec,
  context: OpenContext,
): Promise<Settled> {
  const made = new Set<string>()
  try {
    return await reachReady(command, spec, context, made)
  } catch (error) {
    for (const creation of made) await discard(command, spec.name, creation)
    throw error
  }
}

/** Adds every creation of its own to `made`. */
async function reachReady(
  command: OpenShellCommand,
  spec: SandboxSpec,
  { signal, report }: OpenContext,
  made: Set<string>,
): Promise<Settled> {
  const { name } = spec
  const readyMs = createSeconds(command.settings.timeoutSeconds) * 1000
  const wait = new PhaseWait(signal, readyMs)
  let told: SandboxFacts | undefined
  for (;;) {
    const facts = told ?? (await findSandbox(command, name, signal))
    told = undefined
    if (facts === undefined) {
      if (made.size === mostCreations) throw vanishes(name)
      report(`creating sandbox ${name}`)
      const created = await create(command, spec, signal)
      if (created === undefined) await wait.pause(name, 'absent')
      else {
        made.add(created.creation)
        told = created.facts
        wait.begin()
      }
      continue
    }
    refuseForeign(facts, spec)
    const { phase } = facts
    const { creation = '', settings } = recordOf(facts.labels) ?? {}
    const isNew = made.has(creation)
    if (phase === 'Ready') {
      const stale = settings === settingsHash(command.settings) ? undefined : keptStale(spec)
      if (stale !== undefined) report(stale)
      return { creation: isNew ? creation : undefined, stale }
    }
    if (phase === 'Error' || phase === 'Completed') {
      if (isNew) throw endsAtOnce(facts)
      if (command.settings.mode === 'remote') throw holdsWork(facts, spec)
      report(`sandbox ${name} has ended (${phase}), and is made anew`)
      await erase(command, facts, signal)
      continue
    }
    report(`sandbox ${name} is ${phase}`)
    if (phase === 'Stopped') await start(command, name, readyMs, signal)
    await wait.pause(name, phase)
  }
}

/** Deletes what that creation made, and nothing else. What cannot be deleted stays: it is listed. */
export async function discard(
  command: OpenShellCommand,
  name: string,
  creation: string,
  looks = 1,
): Promise<void> {
  const signal = AbortSignal.timeout(eraseMs)
  try {
    for (let look = 1; ; look += 1) {
      const facts = await findSandbox(command, name, signal)
      if (facts !== undefined) {
        if (recordOf(facts.labels)?.creation === creation) await erase(command, facts, signal)
        return
      }
      if (look >= looks) return
      await sleep(lookPauseMs, undefined, { signal })
    }
  } catch (error) {
    // Why it was to be discarded is what is told.
    if (!isSandboxError(error) && !signal.aborted) throw error
  }
}

/** Undefined when another process was first. */
async function create(
  command: OpenShellCommand,
  spec: SandboxSpec,
  signal: AbortSignal,
): Promise<Creation | undefined> {
  const { settings } = command
  const { name } = spec
  const creation = randomBytes(6).toString('hex')
  const labels = labelsFor(spec, creation, settingsHash(settings))
  const withinMs = createSeconds(settings.timeoutSeconds) * 1000
  const make = (features: Features) => createCall(settings, name, labels, features)
  let answer: Answer
  try {
    answer = await command.run(make, { signal, name, withinMs })
  } catch (error) {
    await discard(command, name, creation, looksForInterrupted)
    throw error
  }
  if (answer.ok) return { creation, facts: factsIn(answer.stdout, name) }
  if (answer.failure.kind === 'exists') return undefined
  // Old releases run a command in it at the end, and that may fail where all is well.
  const facts = await findSandbox(command, name, signal).catch(() => undefined)
  if (facts?.phase === 'Ready' && recordOf(facts.labels)?.creation === creation) {
    return { creation, facts }
  }
  await discard(command, name, creation)
  throw answer.failure.error
}

async function start(
  command: OpenShellCommand,
  name: string,
  withinMs: number,
  signal: AbortSignal,
): Promise<void> {
  if (!(await command.features(signal)).has('start')) throw cannotStart(name)
  const answer = await command.run(() => startCall(name), { signal, name, withinMs })
  if (answer.ok || answer.failure.kind === 'phase' || answer.failure.kind === 'absent') return
  throw (await command.features(signal)).has('start') ? answer.failure.error : cannotStart(name)
}

const vanishes = (name: string) =>
  sandboxStartFailed(
    `sandbox ${name} was created ${mostCreations} times, and is gone again each time`,
    'Look who deletes it, then call again.',
  )

const holdsWork = ({ name, phase }: SandboxFacts, { scopeKey }: SandboxSpec) =>
  sandboxStartFailed(
    `sandbox ${name} has ended (${phase}), and OpenShell cannot start it again; it is kept, as it may hold work that is nowhere else`,
    `See why with "openshell logs ${name}". "sandbox-mcp recreate --session ${quote(scopeKey)}" gives up what is only in it, and begins anew from the files on the host.`,
  )

const endsAtOnce = ({ name, phase }: SandboxFacts) =>
  sandboxStartFailed(
    `sandbox ${name} ended (${phase}) as soon as it was made`,
    `See why with "openshell logs ${name}", and check its image and policy.`,
  )

const cannotStart = (name: string) =>
  sandboxStartFailed(
    `sandbox ${name} is stopped, and this release of OpenShell cannot start it`,
    'Update OpenShell to 0.0.105 or later, then call again.',
  )
