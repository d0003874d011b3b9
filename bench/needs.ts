/** What this machine lacks, as `scripts/bench.mjs` found it. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Need } from './row.ts'

/** Why rows with that need are skipped, or undefined when they are not. */
export function needProblem(need: Need): string | undefined {
  if (need === 'rsync') return onPath('rsync') ? undefined : 'rsync is not installed'
  const reasons: Record<string, string> = JSON.parse(process.env.SANDBOX_MCP_TEST_MISSING ?? '{}')
  return reasons[need]
}

function onPath(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
