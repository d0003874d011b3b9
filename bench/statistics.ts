/** What is told of a series of samples. Pure. */

export interface Summary {
  readonly p50: number
  readonly p95: number
  readonly count: number
}

/** The value below which `share` of the samples lie, between neighbours in proportion; NaN of none. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? below
  return below + (above - below) * (at - Math.floor(at))
}

/** `worst` is the end that p95 looks towards: high for times, low for speeds. */
export function summarize(samples: readonly number[], worst: 'high' | 'low' = 'high'): Summary {
  return {
    p50: quantile(samples, 0.5),
    p95: quantile(samples, worst === 'high' ? 0.95 : 0.05),
    count: samples.length,
  }
}
