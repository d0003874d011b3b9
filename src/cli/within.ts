/** Nothing is waited for longer than it may take. */
import { backendUnavailable, isSandboxError, type SandboxError } from '../errors.ts'

/**
 * What `work` resolves with; `BACKEND_UNAVAILABLE` when it takes longer, also where it does not heed its
 * signal. Everything that it fails with is told as a `SandboxError`.
 */
export async function within<T>(
  ms: number,
  who: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = AbortSignal.timeout(ms)
  const silent = () =>
    backendUnavailable(
      `${who} did not answer within ${ms / 1000} s`,
      'See "sandbox-mcp doctor", then try again.',
    )
  const late = new Promise<never>((_, reject) => {
    deadline.addEventListener('abort', () => reject(silent()), { once: true })
  })
  try {
    return await Promise.race([work(deadline), late])
  } catch (error) {
    throw deadline.aborted ? silent() : toldError(error)
  }
}

/** As people are told it. */
export function toldError(error: unknown): SandboxError {
  if (isSandboxError(error)) return error
  const { message } = error as Error
  return backendUnavailable(message, 'See "sandbox-mcp doctor".', error)
}
