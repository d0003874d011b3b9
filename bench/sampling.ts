/** Takes samples of ours and of a peer by turns, so that both meet the same machine. */

/** Resolves with one sample, in the row's unit. */
export type Sample = () => Promise<number>

export interface Effort {
  /** The most samples of each. */
  readonly samples: number
  /** No sample is begun after that long, once there are `least`. */
  readonly budgetMs: number
  readonly least: number
}

export const fullEffort: Effort = { samples: 200, budgetMs: 5_000, least: 5 }
export const quickEffort: Effort = { samples: 40, budgetMs: 1_500, least: 3 }

/** At most so many rounds before those that count, and no more once they took that long. */
const warmUp = { rounds: 10, budgetMs: 500 }

/** How long it takes. */
export function timed(action: () => Promise<unknown>): Sample {
  return async () => {
    const started = performance.now()
    await action()
    return performance.now() - started
  }
}

/** One series for each of `subjects`, of equal length; a sample that fails ends it all. */
export async function byTurns(
  subjects: readonly Sample[],
  effort: Effort,
  signal: AbortSignal,
): Promise<number[][]> {
  const series = subjects.map((): number[] => [])
  const round = async (keep: boolean) => {
    for (const [index, subject] of subjects.entries()) {
      signal.throwIfAborted()
      const value = await subject()
      if (keep) series[index]?.push(value)
    }
  }
  let started = performance.now()
  const since = () => performance.now() - started
  for (let n = 0; n < warmUp.rounds && (n === 0 || since() < warmUp.budgetMs); n++) {
    await round(false)
  }
  started = performance.now()
  for (let n = 0; n < effort.samples; n++) {
    if (n >= effort.least && since() > effort.budgetMs) break
    await round(true)
  }
  return series
}
