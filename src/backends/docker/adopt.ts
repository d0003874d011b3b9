/** What becomes of a container of ours that is there already. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isSandboxError } from '../../errors.ts'
import type { OpenContext } from '../../sandbox.ts'
import { verifyMount } from '../mount-check.ts'
import { keptStale } from '../stale.ts'
import type { ContainerFacts } from './container-facts.ts'
import type { DockerEngine } from './engine.ts'
import { label } from './labels.ts'
import { isMainProcess } from './main-process.ts'
import { mountChange } from './mount-change.ts'
import type { Plan } from './plan.ts'
import { DockerSandbox } from './sandbox.ts'

/**
 * Makes it run, whatever state it is in, and verifies its mounts. Undefined: it was removed, because it
 * was made for other settings or directories and nobody uses it, or because nothing else helps; make a
 * new one.
 */
export async function adopt(
  engine: DockerEngine,
  there: ContainerFacts,
  plan: Plan,
  { signal, report }: OpenContext,
): Promise<DockerSandbox | undefined> {
  const { spec } = plan
  const found = there.status === 'paused' ? await unpaused(engine, there, signal) : there
  const isStale = found.labels[label.config] !== plan.hash
  const change = mountChange(found.mounts, plan.mounts)
  if (isStale && !(await isInUse(engine, found, plan, signal))) {
    report(`rebuilding sandbox ${spec.name}: ${change ?? 'its settings changed'}`)
    await engine.remove(found.id, signal)
    return undefined
  }
  const stale = isStale ? keptStale(spec, change) : undefined
  if (stale !== undefined) report(stale)
  if (!(await makeRun(engine, found, plan, { signal, report }))) {
    await engine.remove(found.id, signal)
    return undefined
  }
  const sandbox = new DockerSandbox(engine, spec, found.id, stale)
  try {
    await verifyMount(sandbox, spec, signal)
    return sandbox
  } catch (error) {
    // Another server, which found what we did, removes it under our hands.
    if (!signal.aborted && (await isGoing(engine, found, signal))) return undefined
    if (!isSandboxError(error, 'SANDBOX_START_FAILED')) throw error
    if (await staysInUse(engine, { ...found, status: 'running' }, plan, signal)) throw error
    // A directory was replaced by another of that name, as a fresh clone is: the container has the old one.
    report(`rebuilding sandbox ${spec.name}: ${error.message}`)
    await engine.remove(found.id, signal)
    return undefined
  }
}

/** What is in it may be in use, and not every engine tells that of one that is paused. */
async function unpaused(
  engine: DockerEngine,
  there: ContainerFacts,
  signal: AbortSignal,
): Promise<ContainerFacts> {
  await engine.unpause(there.id, signal).catch((error: unknown) => {
    // Another server may have done it just now: its state tells.
    if (signal.aborted || isSandboxError(error)) throw error
  })
  return { ...there, status: (await engine.inspect(there.id, signal))?.status ?? 'gone' }
}

/** False when it cannot be made to run: nothing in it is worth more than a fresh start. */
async function makeRun(
  engine: DockerEngine,
  { id, status }: ContainerFacts,
  plan: Plan,
  { signal, report }: OpenContext,
): Promise<boolean> {
  try {
    switch (status) {
      case 'running':
        return true
      case 'created':
      case 'exited':
        if (hasLostItsSetup(plan)) return false
        report(`starting sandbox ${plan.spec.name}`)
        await engine.start(id, signal)
        return true
      default:
        return false
    }
  } catch (error) {
    if (signal.aborted || isSandboxError(error)) throw error
    return false
  }
}

/** With a read-only root all that setup can have written outside the workspace was in memory. */
function hasLostItsSetup({ settings }: Plan): boolean {
  return settings.setupCommand !== undefined && settings.readOnlyRoot
}

/** False when nothing runs inside but what is there without any session. */
async function isInUse(
  engine: DockerEngine,
  found: ContainerFacts,
  { podman }: Plan,
  signal: AbortSignal,
): Promise<boolean> {
  if (found.status !== 'running') return false
  const lines = await engine.processes(found.id, podman, signal).catch(async (error: unknown) => {
    if (isSandboxError(error) || !(await isGoing(engine, found, signal))) throw error
    return []
  })
  return !lines.every((line) => line.includes('docker-init') || isMainProcess(line))
}

/** As `isInUse`, but not for what another server, which opens it too, looks at for a moment. */
async function staysInUse(
  engine: DockerEngine,
  found: ContainerFacts,
  plan: Plan,
  signal: AbortSignal,
): Promise<boolean> {
  for (let pause = 25; pause < 1_000; pause *= 2) {
    if (!(await isInUse(engine, found, plan, signal))) return false
    await sleep(pause)
  }
  return true
}

async function isGoing(
  engine: DockerEngine,
  { id }: ContainerFacts,
  signal: AbortSignal,
): Promise<boolean> {
  const status = (await engine.inspect(id, signal))?.status
  return status === undefined || status === 'removing' || status === 'dead'
}
