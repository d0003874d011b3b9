/** The seccomp profile that settings name, read from the host. */
import { readFileSync } from 'node:fs'
import { refusal } from './refusal.ts'
import type { DockerSettings } from './settings.ts'

/** Its text, for the engine to read. `CONFIG_INVALID` for one that cannot be read or is no JSON. */
export function seccompOf({ seccompProfile: path }: DockerSettings): { seccomp?: string } {
  if (path === undefined) return {}
  try {
    const text = readFileSync(path, 'utf8')
    JSON.parse(text)
    return { seccomp: text }
  } catch (error) {
    throw refusal(
      'seccompProfile',
      path,
      `cannot be used: ${(error as Error).message}`,
      'Give the path of a profile in the JSON that Docker reads.',
    )
  }
}
