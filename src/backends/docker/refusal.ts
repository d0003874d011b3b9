/** How a value of `DockerSettings` that cannot be used is told. */
import { configInvalid, type SandboxError, shown } from '../../errors.ts'
import type { DockerSettings } from './settings.ts'

/**
 * `CONFIG_INVALID` that names the key, the value, what is wrong with it, and what to write instead. `part`
 * is the one entry of a map that it is about.
 */
export function refusal(
  key: keyof DockerSettings,
  value: unknown,
  problem: string,
  fix: string,
  part?: string,
): SandboxError {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  const setting = `docker.${key}${part === undefined ? '' : `.${part}`}`
  return configInvalid(`docker.${key} ${shown(text)} ${problem}`, fix, setting)
}
