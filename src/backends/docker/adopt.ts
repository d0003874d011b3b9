/** What becomes of a container of ours that is there already. */
import { isSandboxError } from '../../errors.ts'
import type { OpenContext } from '../../sandbox.ts'
import { keptStale } from '../stale.ts'
import type { ContainerFacts } from './container-facts.ts'
import type { Plan } from './create.ts'
import type { DockerEngine } from './engine.ts'
import { label } from './labels.ts'
import { isMainProcess } from './main-process.ts'
import { DockerSandbox } from './sandbox.ts'

/**
 * Makes it run, whatever state it is in. Undefined: it was removed, because it was made with other
 * settings and nobody uses it, or because nothing else helps; make a new one.
 */
export async function adopt(
  engine: DockerEngine,
  found: ContainerFacts,
  plan: Plan,
  { signal, report }: OpenContext,
): Promise<DockerSandbox | undefined> {
  const { spec } = plan
  const isStale = found.labels[label.config] !== plan.hash
  if (isStale && !(await isInUse(engine, found, plan, signal))) {
    report(`rebuilding sandbox ${spec.name}: its settings changed`)
    await engine.remove(found.id, signal)
    return undefined
  }
  const stale = isStale ? keptStale(spec) : undefined
  if (stale !== undefined) report(stale)
  const sandbox = new DockerSandbox(engine, spec, found.id, stale)
  try {
    switch (found.status) {
      case 'running':
        return sandbox
      case 'paused':
        await engine.unpause(found.id, signal)
        return sandbox
      case 'created':
      case 'exited':
        if (hasLostItsSetup(plan)) break
        report(`starting sandbox ${spec.name}`)
        await engine.start(found.id, signal)
        return sandbox
    }
  } catch (error) {
    // It cannot be made to run, and nothing in it is worth more than a fresh start.
    if (signal.aborted || isSandboxError(error)) throw error
  }
  await engine.remove(found.id, signal)
  return undefined
}

/** With a read-only root all that setup can have written outside the workspace was in memory. */
function hasLostItsSetup({ settings }: Plan): boolean {
  return settings.setupCommand !== undefined && settings.readOnlyRoot
}

/** False when nothing runs inside but what is there without any session. */
async function isInUse(
  engine: DockerEngine,
  { id, status }: ContainerFacts,
  { podman }: Plan,
  signal: AbortSignal,
): Promise<boolean> {
  if (status !== 'running') return false
  const lines = await engine.processes(id, podman, signal)
  return !lines.every((line) => line.includes('docker-init') || isMainProcess(line))
}
