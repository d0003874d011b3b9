/** What a client says of where its user works. */

export interface ClientRoots {
  /**
   * Its roots, as URIs, the first one first. None for a client that has none to tell, fails to, or does
   * not answer in time. Never rejects.
   */
  list(): Promise<readonly string[]>
}

/** A client without roots. */
export const noRoots: ClientRoots = { list: async () => [] }

/** How the client is reached. */
export interface RootsQuestions {
  /** Resolves when it has said that it may be asked. */
  readonly ready: Promise<void>
  /** Its roots. `signal` says that nobody waits for them any more. */
  ask(signal: AbortSignal): Promise<readonly string[]>
  /** Settles when it answers at all. */
  ping(): Promise<unknown>
}

/** How long a client may take to tell its roots that answers other questions. */
const patienceMs = 2_000
/** How long one may take that answers none: its machine is busy, or it waits for the call to end. */
const longestMs = 10_000

/** Rejects when it fails to tell them, and when it takes too long: the call that needs them waits. */
export async function askRoots({ ready, ask, ping }: RootsQuestions): Promise<readonly string[]> {
  const asking = new AbortController()
  const timers: NodeJS.Timeout[] = []
  const late = new Promise<never>((_, reject) => {
    const endIn = (ms: number) =>
      timers.push(setTimeout(() => reject(new Error('no answer in time')), ms))
    endIn(longestMs)
    // On a busy machine the client may not have read the question yet: the ping tells when it has.
    const answered = () => {
      if (!asking.signal.aborted) endIn(patienceMs)
    }
    ping().then(answered, answered)
  })
  try {
    return await Promise.race([ready.then(() => ask(asking.signal)), late])
  } finally {
    asking.abort()
    timers.forEach(clearTimeout)
  }
}
