/** Whether a sandbox was made with the settings that there are now. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { OpenShellSettings } from './settings.ts'

/** Changes with every setting that a sandbox has from its creation on, and with the text of its policy. */
export function settingsHash({ from, policy, providers, gpu }: OpenShellSettings): string {
  const made = [from, textOf(policy), [...providers].sort(), gpu]
  return createHash('sha256').update(JSON.stringify(made)).digest('hex').slice(0, 16)
}

/** A policy that cannot be read is told by OpenShell, when it is needed. */
function textOf(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
