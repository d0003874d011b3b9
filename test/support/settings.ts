/** Settings as they are without flags, environment and file, with what a test changes. */
import { combine } from '../../src/config/combine.ts'
import type { Settings } from '../../src/settings.ts'

export function settingsWith(changes: Partial<Settings>): Settings {
  const { settings } = combine([], '/')
  const { docker, image, network } = { ...settings, ...changes }
  // What is told in two places is the same.
  return {
    ...settings,
    ...changes,
    docker: { ...docker, network, ...(image === undefined ? {} : { image }) },
  }
}
