/**
 * The supervisor of a sandbox: root in its namespaces, with the SSH server that starts commands as the
 * user of the sandbox. Reads its settings as a line of JSON from stdin, then what changes in them; it
 * ends with stdin, and everything it has started with it, because it is what the namespace lives on.
 */
import { chmodSync, chownSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { startMain } from './main-process.ts'
import type { SupervisorEvent, SupervisorSettings } from './settings.ts'
import { SshConnections } from './ssh-server.ts'

const tell = (event: SupervisorEvent) => process.stdout.write(`${JSON.stringify(event)}\n`)
let settings: SupervisorSettings | undefined

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const first = settings === undefined
    settings = { ...settings, ...JSON.parse(line) } as SupervisorSettings
    if (first) begin(settings)
  })
  .on('close', () => process.exit(0))

function begin(first: SupervisorSettings): void {
  for (const path of first.owned) {
    try {
      chownSync(path, first.uid, first.gid)
      chmodSync(path, 0o755)
    } catch {
      // A read-only workspace stays as it is.
    }
  }
  rmSync(first.socket, { force: true })
  const main = startMain(first, (mainExit) => tell({ mainExit }))
  const connections = new SshConnections(() => settings ?? first, main)
  const server = createServer((socket) => connections.serve(socket))
  server.listen(first.socket, () => tell({ listening: true }))
}
