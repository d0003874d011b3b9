/** A destination for which the commands of `Match exec` in the ssh_config were run. */
import { execa } from 'execa'
import { cancelled, configInvalid, shown } from '../../errors.ts'
import {
  type Account,
  type Destination,
  resolveDestination,
  type SshSettings,
} from './destination.ts'

const commandMs = 10_000

/**
 * `resolveDestination`, with each command run once that decides something. Rejects with `CONFIG_INVALID` too for a
 * command that tells nothing, and with `CANCELLED`.
 */
export async function decidedDestination(
  settings: SshSettings,
  account: Account,
  signal: AbortSignal,
): Promise<Destination> {
  const answers = new Map<string, boolean>()
  for (;;) {
    // What comes after a command may depend on its answer, so only the first is run each time.
    let open: string | undefined
    const succeeds = (command: string) => {
      if (!answers.has(command)) open ??= command
      return answers.get(command)
    }
    let destination: Destination | undefined
    try {
      destination = resolveDestination(settings, { ...account, succeeds })
    } catch (error) {
      if (open === undefined) throw error
    }
    if (open !== undefined) answers.set(open, await run(open, account, signal))
    else if (destination !== undefined) return destination
  }
}

/** As OpenSSH runs it: by the user's shell, with this server's environment. */
async function run(command: string, { env }: Account, signal: AbortSignal): Promise<boolean> {
  const result = await execa(env?.SHELL || '/bin/sh', ['-c', command], {
    stdio: 'ignore',
    reject: false,
    timeout: commandMs,
    cancelSignal: signal,
    forceKillAfterDelay: 1_000,
  })
  if (signal.aborted) throw cancelled('finding out how the SSH host is reached')
  if (!result.timedOut && result.exitCode !== undefined) return result.exitCode === 0
  const how = result.timedOut
    ? `did not end within ${commandMs / 1000} s`
    : `told nothing: ${result.shortMessage ?? result.signal}`
  throw configInvalid(
    `${shown(command)}, which the ssh_config asks in a Match exec, ${how}`,
    'Run it in a terminal: it should end soon, with exit code 0 where the block counts.',
  )
}
