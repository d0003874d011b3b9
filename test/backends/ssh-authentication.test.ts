/** Who we are to a real sshd: keys, agents and certificates. */
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Account, SshSettings } from '../../src/backends/ssh/destination.ts'
import { SshBackend } from '../../src/backends/ssh.ts'
import { describeWhere } from '../support/available.ts'
import { never } from '../support/remote-sandbox.ts'
import { type SshServer, startSshServer } from '../support/ssh-server.ts'

const me = userInfo().username

describeWhere('ssh', 'authentication', () => {
  let server: SshServer
  let agent: string
  let stopAgent: () => void
  let home: string
  const file = (name: string) => join(server.folder, name)
  const keygen = (...words: string[]) => execa('ssh-keygen', ['-q', ...words])

  beforeAll(async () => {
    server = await startSshServer()
    agent = file('agent')
    const { stdout } = await execa('ssh-agent', ['-a', agent])
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)?.[1])
    stopAgent = () => process.kill(pid)
  })
  afterAll(async () => {
    stopAgent()
    await server.close()
  })
  beforeEach(async () => {
    await execa('ssh-add', ['-q', '-D'], { env: { SSH_AUTH_SOCK: agent } })
    home = join(server.folder, 'home')
    rmSync(home, { recursive: true, force: true })
    mkdirSync(join(home, '.ssh'), { recursive: true })
  })

  /** With no key named, unless `settings` do. */
  const list = (
    settings: Partial<SshSettings> = {},
    account: Partial<Account> = {},
    at = server,
  ) => {
    const { identityFile: _, ...rest } = at.settings
    return new SshBackend({ ...rest, ...settings }, { home, user: me, ...account }).list('x', never)
  }
  const load = (key: string) => execa('ssh-add', ['-q', key], { env: { SSH_AUTH_SOCK: agent } })
  const refusal = async (running: Promise<unknown>) => {
    const error = await running.then(
      () => expect.fail('it was let in'),
      (reason) => reason,
    )
    expect(error.code).toBe('BACKEND_UNAVAILABLE')
    return { message: error.message as string, hint: error.hint as string }
  }

  test('an agent lets us in, and one that is gone leaves the other keys their turn', async () => {
    await load(server.key)
    expect(await list({}, { agent })).toEqual([])
    const gone = file('no-agent')
    expect((await refusal(list({}, { agent: gone }))).message).toContain(
      `tried: agent ${gone}, agent ${gone} (does not answer: Failed to connect to agent)`,
    )
    copyFileSync(server.key, join(home, '.ssh/id_ed25519'))
    expect(await list({}, { agent: gone })).toEqual([])
  })

  test('a key with a passphrase is used through the agent, and without one the way to it is told', async () => {
    const locked = file('locked')
    copyFileSync(server.key, locked)
    copyFileSync(`${server.key}.pub`, `${locked}.pub`)
    await keygen('-p', '-P', '', '-N', 'secret', '-f', locked)
    const without = await refusal(list({ identityFile: locked }))
    expect(without.message).toContain(`tried: ${locked} (needs a passphrase)`)
    expect(without.hint).toBe(
      `A key with a passphrase is used through ssh-agent: start one, run "ssh-add ${locked}", and start this server where SSH_AUTH_SOCK is set.`,
    )
    const empty = await refusal(list({ identityFile: locked }, { agent }))
    expect(empty.hint).toBe(
      `A key with a passphrase is used through ssh-agent: run "ssh-add ${locked}", then call again.`,
    )
    await load(server.key)
    expect(await list({ identityFile: locked }, { agent })).toEqual([])
  })

  test('of many keys of an agent those that the ssh_config names come first', async () => {
    // sshd refuses whoever has shown six others.
    for (let number = 0; number < 7; number++) {
      const key = file(`many-${number}`)
      await keygen('-t', 'ed25519', '-N', '', '-f', key)
      await load(key)
    }
    await load(server.key)
    expect(await refusal(list({}, { agent }))).toEqual({
      message: `${me}@127.0.0.1:${server.port} looks at no more keys; tried: agent ${agent}`,
      hint: 'Name the key that it takes in ssh.identityFile, or with IdentityFile in the ssh_config.',
    })
    const config = (key: string) =>
      writeFileSync(join(home, '.ssh/config'), `Host *\n IdentityFile ${key}\n`)
    config(server.key)
    expect(await list({}, { agent })).toEqual([])
    config(`${server.key}.pub`)
    expect(await list({}, { agent })).toEqual([])
  })

  test('an agent that asks its user has time of its own', async () => {
    await load(server.key)
    const slow = file('slow-agent')
    const relay = createServer((client) => {
      const real = createConnection(agent)
      client.pipe(real)
      // Each answer comes after the time that the host has.
      real.on('data', (answer) => setTimeout(() => client.write(answer), 2_500))
      for (const one of [client, real]) one.on('error', () => {})
      client.once('close', () => real.destroy())
    })
    await new Promise<void>((resolve) => relay.listen(slow, resolve))
    writeFileSync(join(home, '.ssh/config'), 'Host *\n ConnectTimeout 2\n')
    expect(await list({}, { agent: slow })).toEqual([])
    relay.close()
  })

  test('IdentitiesOnly with a public key picks that key of the agent', async () => {
    await keygen('-t', 'ed25519', '-N', '', '-f', file('other'))
    await load(server.key)
    await load(file('other'))
    const config = (name: string) =>
      writeFileSync(
        join(home, '.ssh/config'),
        `Host *\n IdentitiesOnly yes\n IdentityFile ${name}\n`,
      )
    config(`${file('other')}.pub`)
    await refusal(list({}, { agent }))
    config(`${server.key}.pub`)
    expect(await list({}, { agent })).toEqual([])
  })

  describeWhere('ssh', 'with certificates', () => {
    let trusting: SshServer
    beforeAll(async () => {
      await keygen('-t', 'ed25519', '-N', '', '-f', file('ca'))
      trusting = await startSshServer([
        `TrustedUserCAKeys ${file('ca.pub')}`,
        'AuthorizedKeysFile none',
      ])
    })
    afterAll(() => trusting.close())

    /** A key that only its certificate makes welcome, beside it as `…-cert.pub`. */
    const certified = async (name: string, type: string, ...options: string[]) => {
      const key = file(name)
      rmSync(key, { force: true })
      await keygen('-t', type, '-N', '', '-f', key)
      await keygen('-s', file('ca'), '-I', name, '-n', me, ...options, `${key}.pub`)
      return key
    }

    test.each(['ed25519', 'rsa', 'ecdsa'])('one of a key of the kind %s', async (type) => {
      const key = await certified(`key-${type}`, type)
      const certificate = `${key}-cert.pub`
      expect(await list({ identityFile: key }, {}, trusting)).toEqual([])
      renameSync(certificate, file('elsewhere'))
      await refusal(list({ identityFile: key }, {}, trusting))
      const given = { identityFile: key, certificateFile: file('elsewhere') }
      expect(await list(given, {}, trusting)).toEqual([])
      const inline = {
        identityData: readFileSync(key, 'utf8'),
        certificateData: readFileSync(file('elsewhere'), 'utf8'),
      }
      expect(await list(inline, {}, trusting)).toEqual([])
      await load(key)
      const asked = { certificateFile: file('elsewhere') }
      expect(await list(asked, { agent }, trusting)).toEqual([])
    })

    test('CertificateFile of the ssh_config', async () => {
      const key = await certified('configured', 'ed25519')
      renameSync(`${key}-cert.pub`, file('moved'))
      writeFileSync(
        join(home, '.ssh/config'),
        `Host *\n IdentityFile ${key}\n CertificateFile ${file('moved')}\n`,
      )
      expect(await list({}, {}, trusting)).toEqual([])
    })

    test('the key alone is tried where the certificate is not taken', async () => {
      await keygen('-s', file('ca'), '-I', 'x', '-n', 'nobody-here', `${server.key}.pub`)
      const certificateFile = `${server.key}-cert.pub`
      expect(await list({ identityFile: server.key, certificateFile })).toEqual([])
      rmSync(certificateFile)
    })

    test('one that has ended, and one without its key, are told as such', async () => {
      const key = await certified('old', 'ed25519', '-V', '20200101000000Z:20200102000000Z')
      const ended = await refusal(list({ identityFile: key }, {}, trusting))
      expect(ended.message).toContain(
        `${key} with the certificate ${key}-cert.pub, which ended 2020-01-02T00:00:00.000Z, ${key};`,
      )
      const alone = { identityFile: server.key, certificateFile: `${key}-cert.pub` }
      expect((await refusal(list(alone, {}, trusting))).message).toContain(
        `the certificate ${key}-cert.pub (no private key for it is there)`,
      )
    })

    test("a host's certificate is refused", async () => {
      await keygen('-t', 'ed25519', '-N', '', '-f', file('h'))
      await keygen('-s', file('ca'), '-I', 'h', '-h', file('h.pub'))
      await expect(list({ certificateFile: file('h-cert.pub') })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: `${file('h-cert.pub')} is not the certificate of a user`,
      })
    })
  })
})
