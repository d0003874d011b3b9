/**
 * How a command of a session starts: in the open sandbox, with its workspace in step, and looked after from then on.
 */
import { isSandboxError } from './errors.ts'
import { type ExecRequest, Execution } from './exec.ts'
import type { Guard } from './guard/guard.ts'
import type { CapturedOutput } from './output/captured-output.ts'
import type { OpenContext } from './sandbox.ts'
import type { SandboxOpening } from './sandbox-opening.ts'
import type { Scripts } from './scripts/script.ts'
import type { SyncSteps } from './sync-steps.ts'
import type { Workspace } from './workspace.ts'

/** A command as it was asked for: its working directory is written in any way that a path can be. */
export interface CommandRequest extends Omit<ExecRequest, 'workdir'> {
  readonly workdir: string | undefined
}

/** What of the session a command has to do with. */
export interface CommandSurroundings {
  readonly workspace: Workspace
  readonly opening: SandboxOpening
  readonly steps: SyncSteps
  /** Of all commands; their own comes on top. */
  readonly env: Readonly<Record<string, string>>
  output(): CapturedOutput
  /** As `Session.guard`. */
  guard(context: OpenContext): Promise<Guard>
  /** What keeps the workspace in step. */
  syncing(guard: Guard): Scripts
}

export async function startCommand(
  request: CommandRequest,
  context: OpenContext,
  { workspace, opening, steps, env, output, guard: open, syncing }: CommandSurroundings,
): Promise<Execution> {
  const workdir = await workspace.workdir(
    request.workdir,
    async () => (await open(context)).sandbox,
  )
  const guard = await open(context)
  await steps.before(syncing(guard), context)
  const placed = { ...request, workdir, env: { ...env, ...request.env } }
  const given = (group: number) => steps.given(group)
  const execution = await Execution.start(guard, placed, output(), context.signal, given).catch(
    async (error: unknown) => {
      steps.notStarted()
      // Without a working directory there may be no workspace either. A sandbox that says nothing is asked nothing more.
      const isMissing = isSandboxError(error) && error.workdir !== undefined
      if (isMissing) await opening.check(guard, context)
      throw error
    },
  )
  steps.started(execution)
  void execution.result.then(({ error }) => {
    // The next call must not meet what is gone.
    if (error !== undefined) opening.lose(guard, error)
  })
  return execution
}
