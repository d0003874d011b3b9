/** Ends the processes of this machine that were started under a name. */
import { readdirSync, readFileSync } from 'node:fs'

/** Carries the name in the environment of every process. */
export const nameVariable = 'SANDBOX_MCP_HOST'

/** What is forked while it is looked for is found in the next round; more are not needed. */
const rounds = 9

/** All are stopped before the first is killed, so that none can start another. Never rejects. */
export async function endMarked(name: string): Promise<void> {
  const found = new Set<number>()
  for (let round = 0; round < rounds; round++) {
    const fresh = marked(name).filter((pid) => !found.has(pid))
    if (fresh.length === 0) break
    for (const pid of fresh) {
      found.add(pid)
      signal(pid, 'SIGSTOP')
    }
  }
  for (const pid of found) signal(pid, 'SIGKILL')
}

function marked(name: string): number[] {
  const mark = `${nameVariable}=${name}`
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return []
    try {
      const words = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
      return words.includes(mark) ? [Number(pid)] : []
    } catch {
      // It has ended, or is somebody else's.
      return []
    }
  })
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended.
  }
}
