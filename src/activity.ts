/**
 * Says to other processes that a sandbox is in use: from the first call that needs it until neither a
 * call is in flight nor anything runs in it.
 */
import { OpenOnce } from './open-once.ts'
import type { BackendKind, OpenContext } from './sandbox.ts'

/** A claim that others heed: they do not remove the sandbox. */
export interface UseClaim {
  /** Used just now. Cheap. */
  touch(): void
  /** `isSettled`: all that was changed inside of a workspace that is in two places is on the host. */
  end(isSettled: boolean): void
}

/** Where the use of one sandbox is noted. */
export interface SandboxUse {
  /** Resolves when nobody is removing the sandbox. */
  begin(context: OpenContext): Promise<UseClaim>
  /** To be called before anything runs in it. Throws where nothing may. */
  opened(kind: BackendKind): void
  failed(error: Error): void
  /**
   * What others have left in the sandbox by now that is not on the host, as far as is known. What this
   * gives is called when a sync that began later has brought back everything.
   */
  left(): () => void
  /** The sandbox is confirmed to be gone. */
  forget(): void
}

/** What is asked of the session at the end of a use. */
export interface UseEnd {
  /** Whether nothing is left running in the sandbox; asked a while after the last call. */
  isQuiet(): Promise<boolean>
  isSettled(): boolean
}

/** How often it is looked whether what was left running has ended. */
const lookMs = 30_000
/** How often a claim is renewed. */
const renewMs = 15_000

export class Activity {
  readonly #claim: OpenOnce<UseClaim>
  readonly #ending: UseEnd
  readonly #lingerMs: number
  #busy = 0
  #look: NodeJS.Timeout | undefined
  #renew: NodeJS.Timeout | undefined

  /** `lingerMs` passes before it is asked whether the use has ended. */
  constructor(use: SandboxUse, ending: UseEnd, lingerMs: number) {
    this.#claim = new OpenOnce(async (context) => {
      const claim = await use.begin(context)
      this.#renew = setInterval(() => claim.touch(), renewMs).unref()
      return claim
    })
    this.#ending = ending
    this.#lingerMs = lingerMs
  }

  /** Something begins that may need the sandbox; to be called back when it is over. */
  enter(): () => void {
    this.#busy += 1
    clearTimeout(this.#look)
    let left = false
    return () => {
      if (left) return
      left = true
      this.#busy -= 1
      this.#claim.opened?.touch()
      if (this.#busy === 0) this.#lookIn(this.#lingerMs)
    }
  }

  /** Resolves once nobody removes the sandbox under the hands of what has entered. */
  async hold(context: OpenContext): Promise<void> {
    const claim = await this.#claim.get(context)
    claim.touch()
    if (this.#busy === 0) this.#lookIn(this.#lingerMs)
  }

  /** Nothing is in use any more. */
  async close(): Promise<void> {
    await this.#claim.close()
    clearTimeout(this.#look)
    this.#end()
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#look)
    if (this.#claim.opened === undefined) return
    this.#look = setTimeout(() => void this.#endIfQuiet(), ms).unref()
  }

  async #endIfQuiet(): Promise<void> {
    const isQuiet = await this.#ending.isQuiet()
    if (this.#busy > 0) return
    if (isQuiet) this.#end()
    else this.#lookIn(lookMs)
  }

  #end(): void {
    const claim = this.#claim.opened
    if (claim === undefined) return
    clearInterval(this.#renew)
    this.#claim.forget(claim)
    claim.end(this.#ending.isSettled())
  }
}
