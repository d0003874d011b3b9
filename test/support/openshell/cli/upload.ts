/** `sandbox upload`: a tar of everything, piped to one in the sandbox. */
import type { Context } from './context.ts'
import { Failure } from './report.ts'

export async function upload(_context: Context): Promise<void> {
  throw new Failure('the double cannot upload yet')
}

export async function uploadTo(
  _context: Context,
  _name: string,
  _local: string,
  _remote: string | undefined,
  _gitIgnore: boolean,
): Promise<void> {
  throw new Failure('the double cannot upload yet')
}
