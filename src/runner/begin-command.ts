/** How a command begins that a runner was given, and how it is given up. */
import { cancelled, commandNotStarted, commandUncertain, isSandboxError } from '../errors.ts'
import { settledWithin } from '../settled-within.ts'
import { unlessAborted } from '../unless-aborted.ts'
import { type RunnerCommand, RunnerEnded, RunnerSilent, silenceMs } from './command.ts'
import type { Runner } from './runner.ts'

/** Ends the group of a command, by TERM first: it may have something to take back. */
export type EndCommand = (group: number, command: RunnerCommand) => Promise<void>

/** So long it is waited for: what `EndCommand` may take, and the ways there on a slow line. */
const endMs = 5_000

/** A command that a runner was given just now. */
interface Given {
  readonly runner: Runner
  readonly group: number
  readonly command: RunnerCommand
}

/**
 * Resolves when the command has begun. Rejects as `started`, but for silence, and when `signal` is aborted. Whoever is
 * told that it was given up is told when it has ended, unless that takes too long: who looks at files then must not
 * meet it at work, and who calls again must not have it run twice.
 */
export async function beginCommand(
  { runner, group, command }: Given,
  end: EndCommand,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    const { started } = command
    await (signal === undefined ? started : unlessAborted(started, signal, 'the command'))
  } catch (error) {
    command.stdout.drop()
    command.stderr.drop()
    // Nothing was started: the runner has ended, or there is no directory.
    const isNone = error instanceof RunnerEnded || isSandboxError(error, 'COMMAND_NOT_STARTED')
    if (!isNone) {
      void end(group, command).catch(() => {})
      const hasEnded = await settledWithin(command.exit, endMs)
      // What it has not read yet is not to be read any more.
      if (!hasEnded) runner.close()
      if (error instanceof RunnerSilent) throw silent(hasEnded && (await hasNeverBegun(command)))
    }
    throw signal?.aborted ? cancelled('the command') : error
  }
}

/** Only when it has ended: all that its launcher said was heard. */
const hasNeverBegun = ({ exit, isTaken }: RunnerCommand) =>
  exit.then(
    () => !isTaken,
    () => false,
  )

function silent(isUnread: boolean): Error {
  const said = `the sandbox took it and said nothing for ${silenceMs / 1000} s`
  const otherwise = 'when it stays like this, remove the sandbox or restart the engine.'
  return isUnread
    ? commandNotStarted(said, `Call again; ${otherwise}`)
    : commandUncertain(said, `Look at what it may have done before you call again; ${otherwise}`)
}
