/** A start that nobody waits for any more: its shell gets no script. */
import { cancelled } from '../../errors.ts'
import type { Channel } from '../../sandbox.ts'

/** Rejects with `CANCELLED` at once when `signal` says so; the channel is let go when it comes. */
export function unlessAborted(
  starting: Promise<Channel | undefined>,
  signal: AbortSignal,
): Promise<Channel | undefined> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(cancelled('the command'))
      starting.then(discard, () => {})
    }
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    starting.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Lets go of a channel whose shell got no script, and ends by itself. */
export function discard(channel: Channel | undefined): void {
  channel?.stdin.on('error', () => {}).end()
  channel?.close()
}
