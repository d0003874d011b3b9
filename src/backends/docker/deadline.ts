/** A call of the engine that cannot last for ever. */
import { cancelled, engineSilent } from '../../errors.ts'

export interface EngineCall {
  readonly engine: string
  readonly what: string
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/**
 * Runs the call; rejects with `BACKEND_UNAVAILABLE` at the deadline and with `CANCELLED` at once when
 * the signal aborts. The call's own signal aborts whenever it fails, and never after it succeeded.
 */
export async function withDeadline<T>(
  { engine, what, deadlineMs, signal }: EngineCall,
  run: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (signal.aborted) throw cancelled(`docker ${what}`)
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let onAbort = () => {}
  const ended = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(engineSilent(engine, what, deadlineMs)), deadlineMs)
    onAbort = () => reject(cancelled(`docker ${what}`))
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([run(controller.signal), ended])
  } catch (error) {
    controller.abort()
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
