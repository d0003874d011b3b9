/** Settings as the command line gives them, with what a test changes. */
import { readSettings, type Settings } from '../../src/settings.ts'

export function settingsWith(changes: Partial<Settings>): Settings {
  const request = readSettings([], {})
  if (request.kind !== 'serve') throw new Error('no arguments ask to serve')
  return { ...request.settings, ...changes }
}
