/** Podman's Docker-compatible service, for one test file, with the BusyBox image of the tests. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../scripts/machine/podman.mjs', import.meta.url))

export interface PodmanService {
  readonly socketPath: string
  /** Ends the service and all its containers. */
  stop(): Promise<void>
}

/** `env` is what the service has of an environment besides ours. */
export async function startPodman(env: Record<string, string> = {}): Promise<PodmanService> {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-mcp-podman-'))
  const child = spawn(process.execPath, [program, folder], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const said: string[] = []
  const socketPath = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      said.push(line)
      if (line.startsWith('{')) resolve(JSON.parse(line).socket)
    })
    child.on('exit', () => reject(new Error(`podman did not start: ${said.join('\n')}`)))
  })
  return {
    socketPath,
    async stop() {
      child.stdin.end()
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
