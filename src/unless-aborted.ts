import { cancelled } from './errors.ts'

/** `promise`, or a rejection with `CANCELLED` as soon as `signal` is aborted. */
export function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  what: string,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(cancelled(what))
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
