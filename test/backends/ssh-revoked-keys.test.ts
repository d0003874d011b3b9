/** RevokedHostKeys of the ssh_config, on a real sshd and beside OpenSSH's own ssh. */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SshBackend } from '../../src/backends/ssh.ts'
import { describeWhere } from '../support/available.ts'
import { never } from '../support/remote-sandbox.ts'
import { type SshServer, startSshServer } from '../support/ssh-server.ts'

describeWhere('ssh', 'host keys that the ssh_config revokes', () => {
  let server: SshServer
  const at = (name: string) => join(server.folder, name)
  beforeAll(async () => {
    server = await startSshServer()
    mkdirSync(at('home/.ssh'), { recursive: true })
    copyFileSync(at('key.pub'), at('other.pub'))
    const print = async (name: string, hash: string) =>
      (await execa('ssh-keygen', ['-l', '-E', hash, '-f', at(name)])).stdout.split(' ')[1]
    writeFileSync(at('sha256.spec'), `hash: ${await print('host_key.pub', 'sha256')}\n`)
    writeFileSync(at('sha1.spec'), `sha1: ${readFileSync(at('host_key.pub'), 'utf8')}`)
    await execa('ssh-keygen', ['-k', '-f', at('key.krl'), at('other.pub'), at('host_key.pub')])
    await execa('ssh-keygen', ['-k', '-f', at('sha256.krl'), at('sha256.spec')])
    await execa('ssh-keygen', ['-k', '-f', at('sha1.krl'), at('sha1.spec')])
    await execa('ssh-keygen', ['-k', '-f', at('other.krl'), at('other.pub')])
    const krl = readFileSync(at('key.krl'))
    writeFileSync(at('cut.krl'), krl.subarray(0, krl.length - 3))
    const unknownSection = Buffer.from([9, 0, 0, 0, 0])
    writeFileSync(at('odd.krl'), Buffer.concat([readFileSync(at('other.krl')), unknownSection]))
    writeFileSync(at('broken'), 'no key\n')
    const hostKey = readFileSync(at('host_key.pub'), 'utf8')
    writeFileSync(at('cut line'), hostKey.slice(0, 60))
    mkdirSync(at('directory'))
    writeFileSync(at('empty'), '')
    writeFileSync(at('lines'), `# ours\n\n${hostKey}`)
  })
  afterAll(() => server.close())

  /** What becomes of a connection, of ours and of ssh's, where the known key is listed in the file of that name. */
  async function tries(name: string, more = '') {
    const config = at('home/.ssh/config')
    writeFileSync(config, `Host 127.0.0.1\n RevokedHostKeys "${at(name)}"\n${more}`)
    const { knownHostsFile: known = '', identityFile = '' } = server.settings
    const options = ['-F', config, '-i', identityFile, '-o', `UserKnownHostsFile=${known}`]
    const to = ['-p', String(server.port), '-o', 'BatchMode=yes', '127.0.0.1', 'true']
    const theirs = await execa('ssh', [...options, ...to], { reject: false })
    const ours = await new SshBackend(server.settings, server.account).list('tests', never).then(
      () => undefined,
      (error: { code: string; message: string }) => error,
    )
    rmSync(config)
    return { ours, theirs: theirs.exitCode }
  }

  test.each(['lines', 'key.krl', 'sha256.krl', 'sha1.krl'])(
    'one in %s is refused',
    async (name) => {
      for (const more of ['', ' StrictHostKeyChecking no\n']) {
        const { ours, theirs } = await tries(name, more)
        expect(theirs).toBe(255)
        expect(ours?.code).toBe('HOST_KEY_REJECTED')
        expect(ours?.message).toMatch(`is marked as revoked in ${at(name)}`)
      }
    },
  )

  test.each(['other.pub', 'other.krl', 'empty'])('one that %s lacks is taken', async (name) => {
    const { ours, theirs } = await tries(name)
    expect([ours, theirs]).toEqual([undefined, 0])
  })

  test.each(['cut.krl', 'odd.krl', 'broken', 'absent', 'directory', 'cut line'])(
    'where %s cannot be read, none is',
    async (name) => {
      const { ours, theirs } = await tries(name)
      expect(theirs).toBe(255)
      expect(ours?.code).toBe('CONFIG_INVALID')
      expect(ours?.message).toContain(`RevokedHostKeys "${at(name)}" `)
    },
  )
})
