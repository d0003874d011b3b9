/** A second server process, as far as files go: does one job on a `HostTree`, and tells how it went. */
import { isSandboxError } from '../../src/errors.ts'
import type { Change } from '../../src/tree.ts'
import { HostTree } from '../../src/trees/host-tree.ts'
import { increment } from '../contract/increment.ts'

export interface Job {
  readonly root: string
  /** Becomes this user first. */
  readonly uid?: number
  readonly increment?: { readonly file: string; readonly times: number }
  /** Contents as text; `null` deletes. */
  readonly apply?: readonly (Omit<Change, 'after'> & { readonly text: string | null })[]
}

const job = JSON.parse(process.argv[2] ?? '') as Job
if (job.uid !== undefined) {
  process.setgid?.(job.uid)
  process.setuid?.(job.uid)
}
const tree = new HostTree({ root: job.root, owner: { uid: 0, gid: 0 } })
try {
  if (job.increment) await increment(tree, job.increment.file, job.increment.times)
  const changes = job.apply?.map(({ path, before, text }) => ({
    path,
    before,
    after: text === null ? ('absent' as const) : { bytes: Buffer.from(text) },
  }))
  if (changes) await tree.apply(changes)
  console.log(JSON.stringify({ done: true }))
} catch (error) {
  if (!isSandboxError(error)) throw error
  console.log(JSON.stringify({ code: error.code, message: error.message }))
}
