/** One shortcut, by a perl of its own. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { slurp } from '../../src/scripts/attendant-perl.ts'
import type { Shortcut } from '../../src/scripts/script.ts'

export const declined = 'declined'

/** What it prints, or `declined`. `more` are definitions beside its own: of `over`, if it asks that. */
export async function askShortcut(
  definitions: string,
  [name, ...words]: Shortcut,
  { stdin = '', more = '' } = {},
): Promise<string> {
  const modules = '-M5.014 -MFcntl=:DEFAULT,:mode -MIO::Handle -MErrno -MTime::HiRes -MDigest::SHA'
  const program = `${slurp}\n${definitions}\n${more}\nprint ${name}(@ARGV) // '${declined}'`
  const args = [...modules.split(' '), '-e', program, '--', stdin, ...words]
  return (await promisify(execFile)('perl', args, { cwd: '/', encoding: 'latin1' })).stdout
}
