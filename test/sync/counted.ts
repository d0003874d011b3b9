import type { Steps } from '../../src/sync/slices.ts'

/** What steps come to, and how many there were: times depend on the machine. */
export function counted<T>(steps: Steps<T>): { steps: number; value: T } {
  for (let count = 0; ; count++) {
    const { done, value } = steps.next()
    if (done) return { steps: count, value }
  }
}
