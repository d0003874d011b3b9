/** The ssh backend against OpenSSH's own sshd on loopback. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll } from 'vitest'
import { SshBackend } from '../../src/backends/ssh.ts'
import { type BackendSuiteOptions, describeBackend } from '../contract/backend.ts'
import { describeWhere } from '../support/available.ts'
import { startSshServer } from '../support/ssh-server.ts'

const options: BackendSuiteOptions = {
  unconfined:
    'an ssh host is a machine of its own, whose network, users and files are not ours to wall off',
}

describeWhere('ssh', 'ssh', () => {
  let tools = ''
  afterAll(() => rmSync(tools, { recursive: true, force: true }))
  suite('OpenSSH sshd', async () => [])
  suite('OpenSSH sshd with the tools of BusyBox', async () => {
    tools = mkdtempSync(join(tmpdir(), 'sandbox-mcp-busybox-'))
    await execa('busybox', ['--install', '-s', tools])
    return [`SetEnv PATH=${tools} SHLVL=1`]
  })
})

function suite(name: string, config: () => Promise<string[]>): void {
  describeBackend(
    name,
    async () => {
      const server = await startSshServer(await config())
      return {
        backend: new SshBackend(server.settings, server.account),
        other: new SshBackend(server.settings, server.account),
        end: async (name) => {
          rmSync(join(server.folder, 'sandboxes', name), { recursive: true })
          await endMarked(name)
        },
        close: () => server.close(),
      }
    },
    options,
  )
}

/** As somebody who kills all that runs in it. */
async function endMarked(name: string): Promise<void> {
  const script = `for f in /proc/[0-9]*/environ; do pid=\${f#/proc/}; tr '\\0' '\\n' <$f 2>/dev/null | grep -qx SANDBOX_MCP_SANDBOX=${name} && kill -KILL "\${pid%/environ}"; done; true`
  await execa('sh', ['-c', script])
}
