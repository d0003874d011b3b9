/** What answers a client's calls and requests (`answers.ts`), loaded when one needs it, and looked for once. */
import type * as Answers from './answers.ts'

let loading: Promise<typeof Answers> | undefined

/** Asked for at each call: to find a module that is loaded costs more than to keep it. */
export function answers(): Promise<typeof Answers> {
  loading ??= import('./answers.ts')
  return loading
}
