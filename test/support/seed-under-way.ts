/** The moment in which a workspace is being filled, as its own machine sees it. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'

/** Takes so long to send that what is done at its first bytes is done in the middle. */
export const bigBytes = 300_000_000

/** Resolves when the first bytes of a file `big` have come; `files` is where the workspace's files are. */
export async function seedUnderWay(files: () => string): Promise<void> {
  const options = { timeout: 60_000, interval: 2 }
  await expect.poll(() => stagedBytes(files), options).toBeGreaterThan(0)
}

function stagedBytes(files: () => string): number {
  try {
    const root = files()
    // Beside the workspace, or in it where nothing beside it can be written.
    const [stage] = [join(root, '..'), join(root, '.sandbox-mcp')].flatMap((place) =>
      namesIn(place)
        .filter((name) => name.startsWith('.seed-'))
        .map((name) => join(place, name)),
    )
    const [inner] = stage === undefined ? [] : namesIn(stage)
    return stage === undefined || inner === undefined ? 0 : statSync(join(stage, inner, 'big')).size
  } catch {
    // It is not there yet.
    return 0
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
