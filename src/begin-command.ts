/** How a command begins that a runner was given, and how it is given up. */
import { cancelled } from './errors.ts'
import type { RunnerCommand } from './runner-command.ts'
import { settledWithin } from './settled-within.ts'

/** Ends the group of a command, by TERM first: it may have something to take back. */
export type EndCommand = (group: number, command: RunnerCommand) => Promise<void>

/** So long it is waited for: what `EndCommand` may take, and the ways there on a slow line. */
const endMs = 5_000

/**
 * Resolves when the command has begun. Rejects as `started`, and when `signal` is aborted, as soon as the command has
 * ended: whoever is told that and looks at files must not meet it at work.
 */
export async function beginCommand(
  group: number,
  command: RunnerCommand,
  end: EndCommand,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await unlessAborted(command.started, signal)
  } catch (error) {
    command.stdout.drop()
    command.stderr.drop()
    if (!signal?.aborted) throw error
    void end(group, command).catch(() => {})
    await settledWithin(command.exit, endMs)
    throw cancelled('the command')
  }
}

/** `promise`, or a rejection as soon as `signal` is aborted. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
