/** How a sandbox that was made with other settings than the present ones is told. */
import { quote } from '../posix-sh.ts'
import type { SandboxSpec } from '../sandbox.ts'

/**
 * For one that is kept because it is in use: a sentence that names the command which applies the settings, and what
 * changed, where that is known.
 */
export function keptStale({ name, scopeKey }: SandboxSpec, change?: string): string {
  const why = change === undefined ? '' : ` (${change})`
  return `Sandbox ${name} is in use and keeps its old settings${why}; "sandbox-mcp recreate --session ${quote(scopeKey)}" applies the new ones.`
}
