/** How a program that ran in a container ended, once its connection has. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isSandboxError, sandboxLost } from '../../errors.ts'
import type { EngineError } from './engine-error.ts'

/** Engines note an exit a little after they have closed the connection. */
const patienceMs = 5_000

type InspectContainer = () => Promise<{ readonly status: string } | undefined>
type InspectExec = () => Promise<{ readonly Running: boolean; readonly ExitCode: number | null }>

/** The exit code, or `SANDBOX_LOST`, also when the engine does not tell: one is never guessed. */
export async function execExit(
  sandbox: string,
  inspectContainer: InspectContainer,
  inspectExec: InspectExec,
): Promise<number> {
  try {
    return await askExit(sandbox, inspectContainer, inspectExec)
  } catch (error) {
    if (isSandboxError(error, 'SANDBOX_LOST')) throw error
    const why = `how a command in it ended cannot be asked: ${(error as Error).message}`
    throw sandboxLost(sandbox, why, error)
  }
}

/** For `catch` where a program was to start: `SANDBOX_LOST` when the container does not run; other errors stay. */
export function unlessGone(
  sandbox: string,
  inspectContainer: InspectContainer,
): (error: EngineError) => Promise<never> {
  return async (error) => {
    // What the engine answers then, it has several words and codes for.
    if (error.statusCode !== undefined) await checkRuns(sandbox, inspectContainer, error)
    throw error
  }
}

async function checkRuns(
  sandbox: string,
  inspectContainer: InspectContainer,
  cause?: Error,
): Promise<void> {
  const container = await inspectContainer()
  if (container?.status === 'running') return
  const why = container === undefined ? 'it was removed' : `it is ${container.status}`
  throw sandboxLost(sandbox, why, cause)
}

async function askExit(
  sandbox: string,
  inspectContainer: InspectContainer,
  inspectExec: InspectExec,
): Promise<number> {
  await checkRuns(sandbox, inspectContainer)
  for (let pause = 5; pause < patienceMs; pause *= 2) {
    const state = await inspectExec()
    if (!state.Running && typeof state.ExitCode === 'number') return state.ExitCode
    await sleep(pause)
  }
  throw sandboxLost(sandbox, 'the connection to a command in it broke')
}
