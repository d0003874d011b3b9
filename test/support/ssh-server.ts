/** OpenSSH's own sshd on loopback, with keys, settings and a known_hosts of its own. */
import { spawn } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Account, SshSettings } from '../../src/backends/ssh/destination.ts'

export interface SshServer {
  readonly port: number
  /** Everything is in it: keys, known_hosts, the directory of the sandboxes. */
  readonly folder: string
  /** Lets its own user in. */
  readonly settings: SshSettings
  /** The account of a user who has nothing in the home directory. */
  readonly account: Account
  /** A private key that the server accepts. */
  readonly key: string
  /** The line for known_hosts. */
  readonly hostKeyLine: string
  /** Kills what serves the connections there are; new ones are taken. */
  cut(): void
  close(): Promise<void>
}

/** `config` adds lines to sshd_config; the first word of a kind wins, and these come first. */
export async function startSshServer(config: readonly string[] = []): Promise<SshServer> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-sshd-')))
  const file = (name: string) => join(folder, name)
  for (const name of ['host_key', 'key']) {
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file(name)])
  }
  writeFileSync(file('authorized_keys'), readFileSync(file('key.pub')), { mode: 0o600 })
  // sshd insists on it when it runs as root.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const port = await freePort()
  const lines = [
    ...config,
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    `HostKey ${file('host_key')}`,
    `PidFile ${file('pid')}`,
    `AuthorizedKeysFile ${file('authorized_keys')}`,
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin yes',
    'StrictModes no',
    'UsePAM no',
    // Keeps bash from reading a .bashrc, which may take its time.
    'SetEnv SHLVL=1',
  ]
  writeFileSync(file('sshd_config'), `${lines.join('\n')}\n`)
  const program = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', file('sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  program.stderr.setEncoding('utf8').on('data', (text) => {
    log += text
  })
  // Its processes for connections may live on, and hold its stderr.
  const ended = new Promise<void>((resolve) => program.once('exit', () => resolve()))
  await Promise.race([
    answers(port),
    ended.then(() => Promise.reject(new Error(`sshd ended: ${log}`))),
  ])
  const hostKey = readFileSync(file('host_key.pub'), 'utf8').split(' ').slice(0, 2).join(' ')
  const hostKeyLine = `[127.0.0.1]:${port} ${hostKey}`
  writeFileSync(file('known_hosts'), `${hostKeyLine}\n`)
  return {
    port,
    folder,
    key: file('key'),
    hostKeyLine,
    account: { home: file('home'), user: userInfo().username },
    settings: {
      target: `${userInfo().username}@127.0.0.1:${port}`,
      workspaceRoot: file('sandboxes'),
      identityFile: file('key'),
      knownHostsFile: file('known_hosts'),
    },
    cut() {
      for (const pid of childrenOf(program.pid ?? 0)) process.kill(pid, 'SIGKILL')
    },
    async close() {
      program.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const [, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return Number(ppid) === parent ? [Number(pid)] : []
    } catch {
      return []
    }
  })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function answers(port: number): Promise<void> {
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('data', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('data', () => socket.destroy())
    })
    if (open) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}
