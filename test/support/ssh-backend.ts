/** The ssh backend on a real sshd of this machine. */
import { SshBackend } from '../../src/backends/ssh.ts'
import { type SshServer, startSshServer } from './ssh-server.ts'

/** `root` is where its sandboxes are; the caller closes the server. */
export async function startSshBackend(): Promise<{
  readonly server: SshServer
  readonly backend: SshBackend
  readonly root: string
}> {
  const server = await startSshServer()
  const backend = new SshBackend(server.settings, server.account)
  return { server, backend, root: server.settings.workspaceRoot ?? '' }
}
