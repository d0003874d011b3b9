/**
 * Ends a script of ours that stands still: what was a file when it was listed is a FIFO when it is opened, and
 * nobody comes to its other end. Whoever waits for the script would wait for ever, and all others for their turn.
 */
import type { Guard } from '../guard/guard.ts'
import { spawnScript } from './spawn-script.ts'

/** How often is looked, and for how long. A script that is twice seen to do nothing is ended. */
export interface Pace {
  readonly everyMs: number
  readonly lookSeconds: number
}

const usualPace: Pace = { everyMs: 5_000, lookSeconds: 3 }
const looks = 2

/** The watch over one script, from when it begins until `end`. Never rejects. */
export class Standstill {
  /** That it was ended for that. */
  isStill = false
  readonly #guard: Guard
  readonly #pace: Pace
  readonly #given: AbortSignal
  readonly #ending = new AbortController()
  #isOver = false
  #timer: NodeJS.Timeout | undefined
  /** Of a look that goes on: few scripts take so long that there is one. */
  #looking: AbortController | undefined
  #seen = 0
  /** Where it runs now. */
  #group = 0

  constructor(guard: Guard, signal: AbortSignal, pace = usualPace) {
    this.#guard = guard
    this.#pace = pace
    this.#given = signal
    signal.addEventListener('abort', this.#abort, { once: true })
    if (signal.aborted) this.#abort()
  }

  /** Aborted with the one that was given, and when the script stands still. */
  get signal(): AbortSignal {
    return this.#ending.signal
  }

  /** To be called when the script runs, with the number of its group; again when another takes its place. */
  readonly begun = (group: number): void => {
    if (this.#isOver) return
    if (group !== this.#group) this.#seen = 0
    this.#group = group
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#look(group), this.#pace.everyMs).unref()
  }

  /** To be called at the script's end. */
  end(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#looking?.abort()
    this.#given.removeEventListener('abort', this.#abort)
  }

  readonly #abort = (): void => this.#ending.abort()

  async #look(group: number): Promise<void> {
    this.#looking = new AbortController()
    const { signal } = this.#looking
    const script = lookScript(group, this.#pace.lookSeconds)
    // What keeps this from being told keeps the script from its end too, and is found out there.
    const told = await spawnScript(this.#guard, script, undefined, signal).catch(() => undefined)
    // What has taken its place meanwhile is looked at by itself.
    if (this.#isOver || group !== this.#group) return
    this.#seen = told?.stdout.toString() === 'still' ? this.#seen + 1 : 0
    if (this.#seen < looks) return this.begun(group)
    this.isStill = true
    this.#abort()
  }
}

/**
 * Prints `still` where the processes of the group are the same before and after, none of them runs or waits for a
 * disk, and none has taken any time of a processor or was woken, as one is that waits for a slow line to take what
 * it prints. Where there is no /proc it prints nothing.
 */
const lookScript = (group: number, seconds: number) => `counts() {
  for stat in /proc/[0-9]*/stat; do
    IFS= read -r line 2>/dev/null <"$stat" || continue
    set -f
    set -- \${line##*) }
    set +f
    [ "$3" != ${group} ] || echo "$stat $1 $8 \${12} \${13} $(grep ctxt "\${stat}us")"
  done
}
before=$(counts)
case $before in '' | *' '[RD]' '*) exit 0 ;; esac
sleep ${seconds}
[ "$before" != "$(counts)" ] || printf still`
