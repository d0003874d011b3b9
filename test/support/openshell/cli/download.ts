/** `sandbox download`: a tar of a path below the workspace, unpacked here. */
import type { Context } from './context.ts'
import { Failure } from './report.ts'

export async function download(_context: Context): Promise<void> {
  throw new Failure('the double cannot download yet')
}
