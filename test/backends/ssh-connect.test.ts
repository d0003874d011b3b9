/** Reaching an SSH host, and what is said when that fails, against a real sshd. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Account, SshSettings } from '../../src/backends/ssh/destination.ts'
import { SshBackend } from '../../src/backends/ssh.ts'
import { describeWhere } from '../support/available.ts'
import { type SshServer, startSshServer } from '../support/ssh-server.ts'

const never = new AbortController().signal

describeWhere('ssh', 'reaching an SSH host', () => {
  let server: SshServer
  beforeAll(async () => {
    server = await startSshServer()
  })
  afterAll(() => server.close())

  const list = (settings: Partial<SshSettings>, account: Partial<Account> = {}) =>
    new SshBackend({ ...server.settings, ...settings }, { ...server.account, ...account }).list(
      'nobody',
      never,
    )

  /** A home directory with an ssh_config. */
  const homeWith = (name: string, config: string): string => {
    const home = join(server.folder, name)
    mkdirSync(join(home, '.ssh'), { recursive: true })
    writeFileSync(join(home, '.ssh/config'), config)
    return home
  }

  test('an unknown host key is refused, with the command that accepts this very key', async () => {
    const file = join(server.folder, 'empty_known_hosts')
    writeFileSync(file, '')
    const { stdout } = await execa('ssh-keygen', ['-l', '-f', join(server.folder, 'host_key.pub')])
    const [, print = ''] = stdout.split(' ')
    const error = await list({ knownHostsFile: file }).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'HOST_KEY_REJECTED' })
    expect(error.message).toContain(print)
    expect(error.message).toContain(file)
    const command = error.hint.slice(error.hint.indexOf('run: ') + 5)
    await execa('sh', ['-c', command])
    expect(await list({ knownHostsFile: file })).toEqual([])
  })

  test('a changed host key is refused, and told apart', async () => {
    const file = join(server.folder, 'changed_known_hosts')
    const other = readFileSync(`${server.key}.pub`, 'utf8')
    writeFileSync(file, `[127.0.0.1]:${server.port} ${other}`)
    const error = await list({ knownHostsFile: file }).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'HOST_KEY_REJECTED' })
    expect(error.message).toContain('is not the one in')
    const command = error.hint.slice(error.hint.indexOf('run: ') + 5)
    await execa('sh', ['-c', command])
    expect(await list({ knownHostsFile: file })).toEqual([])
  })

  test('a revoked host key is refused even when keys are not checked', async () => {
    const revoked = list({
      knownHostsData: `@revoked ${server.hostKeyLine}`,
      strictHostKeyChecking: false,
    })
    await expect(revoked).rejects.toMatchObject({ code: 'HOST_KEY_REJECTED' })
  })

  test('any other is accepted when keys are not checked', async () => {
    expect(await list({ knownHostsData: '', strictHostKeyChecking: false })).toEqual([])
  })

  test('refused authentication names what was tried and what the host takes', async () => {
    const key = join(server.folder, 'other_key')
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
    const refused = list({ identityFile: key })
    await expect(refused).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(/refused all authentication; tried: .*other_key; .*publickey/),
    })
  })

  test('a host that takes no keys is told as such', async () => {
    const asking = await startSshServer([
      'PasswordAuthentication yes',
      'AuthenticationMethods publickey,password',
    ])
    await expect(
      new SshBackend(asking.settings, asking.account).list('nobody', never),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/; the host takes: password$/),
      hint: 'Nobody is asked for a password or a code here: let the host take publickey alone for that account (AuthenticationMethods in sshd_config).',
    })
    await asking.close()
  })

  test('a host whose algorithms are all unknown is told as such', async () => {
    const odd = await startSshServer(['KexAlgorithms sntrup761x25519-sha512@openssh.com'])
    await expect(
      new SshBackend(odd.settings, odd.account).list('nobody', never),
    ).rejects.toMatchObject({
      message: `127.0.0.1:${odd.port} and this server have no algorithm in common: Handshake failed: no matching key exchange algorithm`,
      hint: expect.stringContaining('KexAlgorithms'),
    })
    await odd.close()
  })

  test('a port where nobody listens, a name that is not known and a silent host differ', async () => {
    const silent = createServer()
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    const home = homeWith('quick', 'Host *\n ConnectTimeout 1\n')
    const unknown = list({ target: 'no-such-host.invalid' })
    await expect(unknown).rejects.toThrow(/"no-such-host.invalid" is not known/)
    await expect(list({ target: `127.0.0.1:${port}` }, { home })).rejects.toThrow(/does not answer/)
    silent.close()
    await expect(list({ target: '127.0.0.1:1' })).rejects.toThrow(/refuses connections/)
  })

  test('an alias leads through a jump host, with keys of the ssh_config', async () => {
    const lines = [
      'Host *',
      ` IdentityFile ${server.key}`,
      ` UserKnownHostsFile ${join(server.folder, 'known_hosts')}`,
      ` Port ${server.port}`,
      'Host inner',
      ' HostName 127.0.0.1',
      ' ProxyJump outer',
      'Host outer',
      ' HostName 127.0.0.1',
    ]
    const home = homeWith('jumping', lines.join('\n'))
    const backend = new SshBackend(
      { target: 'inner', workspaceRoot: server.settings.workspaceRoot ?? '' },
      { ...server.account, home },
    )
    expect(await backend.list('nobody', never)).toEqual([])
    for (const check of backend.checks) expect(await check.run(never)).toMatchObject({ ok: true })
  })

  test('a host that the one in between cannot reach is told with its name', async () => {
    const lines = [
      `Host *\n IdentityFile ${server.key}`,
      ` UserKnownHostsFile ${join(server.folder, 'known_hosts')}`,
      `Host outer\n HostName 127.0.0.1\n Port ${server.port}`,
      'Host inner\n HostName 127.0.0.1\n Port 1\n ProxyJump outer',
    ]
    const home = homeWith('cut off', lines.join('\n'))
    await expect(list({ target: 'inner' }, { home })).rejects.toThrow(
      'the connection to 127.0.0.1:1 from 127.0.0.1 failed before authentication: (SSH) Channel open failure: Connection refused',
    )
  })

  test('an account that may not run commands is told in the words of its host', async () => {
    const closed = await startSshServer(['ForceCommand echo this account is closed >&2; exit 1'])
    const backend = new SshBackend(closed.settings, closed.account)
    await expect(backend.list('nobody', never)).rejects.toThrow(/this account is closed/)
    await closed.close()
  })
})
