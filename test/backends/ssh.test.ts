/** The ssh backend against OpenSSH's own sshd on loopback, and against ssh2's server. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll } from 'vitest'
import type { Account, SshSettings } from '../../src/backends/ssh/destination.ts'
import { SshBackend } from '../../src/backends/ssh.ts'
import {
  type BackendSubject,
  type BackendSuiteOptions,
  describeBackend,
} from '../contract/backend.ts'
import { describeWhere } from '../support/available.ts'
import { startSshServer } from '../support/ssh-server.ts'
import { Ssh2Server } from '../support/ssh2-server.ts'

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

describeBackend(
  'ssh2 server with a start-up file that talks, and few sessions on a connection',
  async () => {
    const profile = 'echo welcome; echo warning >&2'
    const server = await Ssh2Server.start({ profile, channels: 3 })
    return subject(server.settings, server.account, () => server.close())
  },
  {
    ...options,
    deviations: {
      'streams can be opened again by name':
        'Node gives its children sockets for pipes, which cannot be opened',
    },
  },
)

function suite(name: string, config: () => Promise<string[]>): void {
  describeBackend(
    name,
    async () => {
      const server = await startSshServer(await config())
      return subject(server.settings, server.account, () => server.close())
    },
    options,
  )
}

function subject(
  settings: SshSettings,
  account: Account,
  close: () => Promise<void>,
): BackendSubject {
  return {
    backend: new SshBackend(settings, account),
    other: new SshBackend(settings, account),
    end: async (name) => {
      rmSync(join(settings.workspaceRoot ?? '', name), { recursive: true })
      await endMarked(name)
    },
    close,
  }
}

/** As somebody who kills all that runs in it. */
async function endMarked(name: string): Promise<void> {
  const script = `for f in /proc/[0-9]*/environ; do pid=\${f#/proc/}; tr '\\0' '\\n' <$f 2>/dev/null | grep -qx SANDBOX_MCP_SANDBOX=${name} && kill -KILL "\${pid%/environ}"; done; true`
  await execa('sh', ['-c', script])
}
