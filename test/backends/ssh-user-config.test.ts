/** What is taken from ssh_config(5), beside what OpenSSH itself takes from the same files. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isPrivateGroup } from '../../src/backends/ssh/changed-by-others.ts'
import { connectFailure, noTrail } from '../../src/backends/ssh/connect-failure.ts'
import { decidedDestination } from '../../src/backends/ssh/decided-destination.ts'
import {
  type Account,
  type Destination,
  resolveDestination,
  type SshSettings,
} from '../../src/backends/ssh/destination.ts'
import { verdictOn } from '../../src/backends/ssh/known-hosts.ts'
import { describeWhere } from '../support/available.ts'

let home: string
let account: Account
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-home-')))
  account = {
    home,
    user: userInfo().username,
    agent: '/agent.sock',
    systemFolder: join(home, 'etc'),
    env: { RUN: '/run/me', EMPTY: '' },
  }
})
afterEach(() => rmSync(home, { recursive: true }))

const write = (name: string, text: string) => {
  mkdirSync(dirname(join(home, name)), { recursive: true })
  writeFileSync(join(home, name), text)
}
const resolve = (config: string, settings: Partial<SshSettings> = {}) => {
  write('.ssh/config', config)
  return resolveDestination({ target: 'box', ...settings }, account)
}
const decide = (signal = AbortSignal.timeout(60_000)) =>
  decidedDestination({ target: 'box' }, account, signal)
const labels = ({ credentials }: Destination) => credentials.identities.map(({ label }) => label)

describeWhere('ssh', 'what OpenSSH takes from it', () => {
  test.each([
    ["Host box\n User 'x y'\n HostName 'h.example'", {}],
    ['Host box\n User a\\ b', {}],
    ['Host box\n User a"b c"\'d\'', {}],
    ['Host box\n User "a\\"b\\\\c"', {}],
    ['Host=box\n User=joe\n Port = 2222\n HostName= x', {}],
    ['Host box\r\n User joe # me\r\n Port 2222\r\n', {}],
    ['Host box #other\n User jo#e\n HostName %%h.%h # y', {}],
    ['Match host BOX\n User m', {}],
    ['Match originalhost b*,!bo? user root\n Port 7', {}],
    ['Host box\n ProxyJump none\nHost *\n ProxyCommand nc %h %p', {}],
    ['Host box\n ProxyCommand none\nHost *\n ProxyJump b', {}],
    ['Host box\n ConnectTimeout 1m30s', {}],
    ['Include HOME/c/*/conf', {}],
    ['Include HOME/c/[!b]/conf', {}],
    ['Include HOME/c/[a-b]/con?', {}],
    ['Include "HOME/c/s p/conf" HOME/c/b/conf', {}],
    ['Host box\n Include HOME/c/other\n Port 9', {}],
    ['Host other\n Include HOME/c/a/conf\nHost box\n Port 9', {}],
    ['Match exec "test %h-%n-%p = box-box-22 -a %r = %u -a -d %d"\n Port 9', {}],
    [
      'Host box\n HostName h.x\n User u\nMatch exec "test %h-%n-%r-%k = h.x-box-u-h.x"\n Port 9',
      {},
    ],
    ['Match !exec "exit 3" host box\n Port 9\nMatch exec "exit 3"\n User no', {}],
    ['Match host other exec "touch HOME/run"\n Port 9\nMatch exec "test -e HOME/run"\n Port 8', {}],
    ['Host box\n HostName 10.0.0.1\nMatch final host 10.*\n Port 9\n HostName no', {}],
    ['Host 10.*\n User u\nMatch !final\n HostName 10.0.0.1\nMatch all', {}],
    ['Match canonical\n Port 9\nMatch !canonical\n User u', {}],
    ['Match final all\n User u\nMatch canonical\n Port 9', {}],
    ['Match exec="test a = a" host=box\n Port 9\nMatch !host=box\n User no', {}],
    ['Match !all\n Port 9\nMatch all\n User u', {}],
    ['Host box\n HostName H.LAN\nHost *.lan\n Port 9\nMatch final\n User u', {}],
  ])('%j', async (text) => {
    write('c/a/conf', 'User inca\n')
    write('c/b/conf', 'Port 33\n')
    write('c/s p/conf', 'User sp\n')
    write('c/other', 'Host other\n User no\n')
    const config = text.replaceAll('HOME', home)
    write('.ssh/config', config)
    const ours = await decide()
    const { stdout } = await execa('ssh', ['-G', '-F', join(home, '.ssh/config'), 'box'])
    const real = (key: string) => new RegExp(`^${key} (.*)$`, 'm').exec(stdout)?.[1]
    expect({
      host: ours.host,
      user: ours.user,
      port: String(ours.port),
      jump: ours.jump?.host,
      command: ours.proxyCommand,
      seconds: ours.connectMs / 1000,
    }).toEqual({
      host: real('hostname'),
      user: real('user'),
      port: real('port'),
      jump: real('proxyjump'),
      command: real('proxycommand')?.replace('%h', 'box').replace('%p', '22'),
      seconds: real('connecttimeout') === 'none' ? 10 : Number(real('connecttimeout')),
    })
  })
})

test('what counts for all users of the machine comes after what the user says', () => {
  write('etc/ssh_config', 'Include more\nHost *\n User all\n ProxyCommand connect %h')
  write('etc/more', 'Host box\n Port 7')
  expect(resolve('Host box\n User mine')).toMatchObject({
    user: 'mine',
    port: 7,
    proxyCommand: 'connect box',
  })
})

test('tokens and variables stand for what they do in OpenSSH', () => {
  write('.ssh/box-h.x-44-u-al', 'key')
  write('.ssh/with space', 'key')
  const box = resolve(
    [
      'Host box',
      ' HostName h.x',
      ' HostKeyAlias al',
      ' Port 44',
      ' User u',
      ` IdentityFile ~/.ssh/%n-%h-%p-%r-%k`,
      ' IdentityFile %d/.ssh/with\\ space',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how ssh_config names a variable
      ' IdentityAgent ${RUN}/agent.sock',
      ' ProxyJump %r@way.%h',
    ].join('\n'),
  )
  expect(labels(box)).toEqual([join(home, '.ssh/box-h.x-44-u-al'), join(home, '.ssh/with space')])
  expect(box.agent).toBe('/run/me/agent.sock')
  expect(box.jump).toMatchObject({ host: 'way.h.x', user: 'u' })
  expect(resolve('Host box\n IdentityAgent $RUN').agent).toBe('/run/me')
})

test.each(['$NOWHERE', '$EMPTY'])('IdentityAgent %s is no agent, and no mistake', (agent) => {
  expect(resolve(`Host box\n IdentityAgent ${agent}`).agent).toBeUndefined()
})

test.each([
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how ssh_config names a variable
  ['IdentityFile ${NOWHERE}/key', 'holds ${NOWHERE}, which stands for nothing here'],
  ['UserKnownHostsFile ~/.ssh/%Z', 'holds %Z, which stands for nothing here'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how ssh_config names a variable
  ['IdentityAgent ${EMPTY}', 'which stands for nothing here'],
])('"%s" is refused', (line, words) => {
  expect(() => resolve(`Host box\n ${line}`)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(words) }),
  )
})

test('what the settings name is used in place of what stands for nothing', () => {
  write('.ssh/mine', 'key')
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how ssh_config names a variable
  const config = 'Host box\n IdentityFile ${NOWHERE}/key\n UserKnownHostsFile ${NOWHERE}/known'
  const settings = { identityFile: '~/.ssh/mine', knownHostsFile: '~/.ssh/known' }
  expect(labels(resolve(config, settings))).toEqual([join(home, '.ssh/mine')])
})

test('accepted keys are read from the files that are named, and from no others', () => {
  const known = (config: string) => resolve(config).hostKeys.known.map(({ key }) => key.toString())
  const line = (key: string) => `box ssh-ed25519 ${Buffer.from(key).toString('base64')}\n`
  write('.ssh/known_hosts', line('usual'))
  write('.ssh/known_hosts2', line('second'))
  write('etc/ssh_known_hosts', line('all'))
  write('etc/ssh_known_hosts2', line('all2'))
  write('with space', line('spaced'))
  write('other', line('other'))
  expect(known('')).toEqual(['usual', 'second', 'all', 'all2'])
  expect(known('UserKnownHostsFile "~/with space" ~/other')).toEqual([
    'spaced',
    'other',
    'all',
    'all2',
  ])
  expect(known(`GlobalKnownHostsFile ${home}/other\nUserKnownHostsFile none`)).toEqual(['other'])
})

test.each(['no', 'off', 'FALSE'])('StrictHostKeyChecking %s accepts any key', (value) => {
  expect(resolve(`StrictHostKeyChecking ${value}`).hostKeys.strict).toBe(false)
})
test.each(['yes', 'ask', 'accept-new', 'true'])('StrictHostKeyChecking %s does not', (value) => {
  expect(resolve(`StrictHostKeyChecking ${value}`).hostKeys.strict).toBe(true)
})
test('IdentitiesOnly can be true in other words', () => {
  expect(resolve('IdentitiesOnly true').credentials.only).toBe(true)
})

test('a key that is named in both readings is tried once', () => {
  for (const name of ['a', 'b']) write(`.ssh/${name}`, name)
  const named = ['a', 'b'].map((name) => join(home, '.ssh', name))
  const config = `Match final\n IdentityFile ~/.ssh/b\nMatch all\n IdentityFile ~/.ssh/a`
  expect(labels(resolve(config))).toEqual(named)
})

test('what is not judged, and may be why a host cannot be reached, is told', () => {
  const box = resolve(
    [
      'Match host box localnetwork 10.0.0.0/8',
      ' ForwardX11 no',
      'Match host box !exec "nc -z %h 22"',
      ' ProxyJump way',
      'Match localnetwork 10.0.0.0/8 host other',
      ' Port 7',
      'CanonicalizeHostname yes',
      'Host box',
      ' CanonicalizeHostname yes',
    ].join('\n'),
  )
  const cause = { code: 'ECONNREFUSED', message: 'refused' }
  expect(connectFailure(box, cause, { trail: noTrail }).hint).toBe(
    'Check that sshd runs there and listens on port 22. The ssh_config was not followed in: Match host box !exec "nc -z %h 22"; CanonicalizeHostname yes; what ssh does there, say in a Host block.',
  )
})

test('files that a block includes which is not judged are told where they may say more', () => {
  write('ciphers', 'Ciphers aes256-gcm@openssh.com\nHost other\n Port 8\n')
  write('ports', 'Host *\n Port 8\n')
  const passedOver = (...names: string[]) =>
    resolve(
      `Match localnetwork 10.0.0.0/8\n Include ${names.map((name) => join(home, name)).join(' ')}`,
    )
  expect(passedOver('ciphers').passedOver).toEqual([])
  expect(passedOver('ciphers', 'ports')).toMatchObject({
    passedOver: ['Match localnetwork 10.0.0.0/8'],
    port: 22,
  })
})

test('a file that is none is not waited for', async () => {
  await execa('mkfifo', [join(home, 'fifo')])
  for (const config of ['Include ~/fifo', 'IdentityFile ~/fifo', 'UserKnownHostsFile ~/fifo']) {
    expect(() => resolve(config)).toThrow(`fifo" is a FIFO, and is not read for SSH`)
  }
  expect(resolve('UserKnownHostsFile /dev/zero').hostKeys.known).toEqual([])
  write('large', '')
  truncateSync(join(home, 'large'), 16 * 1024 * 1024 + 1)
  expect(() => resolve('Include ~/large')).toThrow('large" has 16777217 bytes, more than 16777216')
})

test("the user's ssh_config is not followed where others may change it, as it names commands", () => {
  write('more', 'User joe\n')
  write('etc/ssh_config', 'Port 9\n')
  chmodSync(join(home, 'etc/ssh_config'), 0o666)
  expect(resolve('Include ~/more')).toMatchObject({ user: 'joe', port: 9 })
  for (const name of ['more', '.ssh/config']) {
    chmodSync(join(home, name), 0o646)
    expect(() => resolve('Include ~/more')).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(`others may change "${join(home, name)}" (owner `),
        hint: `Make it yours, and run: chmod go-w ${join(home, name)}`,
      }),
    )
    chmodSync(join(home, name), 0o644)
  }
})

test('nor where a group may, unless its owner is alone in it', () => {
  const lists = {
    groups: 'me:x:7:\nall:x:8:me,other\nsome:x:9:me\nodd:x:10:gone\nnone:x:11:\n',
    users: 'root:x:0:0:\nme:x:1000:7:\nother:x:1001:9:\nalso:x:1000:12:\n',
  }
  const alone = [7, 8, 9, 10, 11, 12].filter((gid) => isPrivateGroup(gid, 1000, lists))
  expect(alone).toEqual([7])
  const config = join(home, '.ssh/config')
  write('.ssh/config', 'User joe\n')
  chmodSync(config, 0o664)
  const { gid, uid } = statSync(config)
  if (isPrivateGroup(gid, uid)) expect(resolve('User joe').user).toBe('joe')
  const shared = uid === 0 ? 54_321 : process.getgroups?.().find((one) => !isPrivateGroup(one, uid))
  if (shared === undefined) return
  chownSync(config, uid, shared)
  expect(() => resolve('User joe')).toThrow(`group ${shared}, mode 664), so what it says is not`)
})

const key = (name: string) => {
  const blob = Buffer.from(`\0\0\0\x0bssh-ed25519${name}`)
  return { blob, line: `ssh-ed25519 ${blob.toString('base64')}` }
}
const own = key('own')
test.each([
  ['box', 'Port 7', 'known'],
  ['box', 'Port 22', 'known'],
  ['other', 'Port 7', 'unknown'],
  ['box', 'Port 7\nHostKeyAlias other', 'unknown'],
  [`@revoked box`, 'Port 7', 'revoked'],
  [`[box]:7 ${key('first').line}\nbox`, 'Port 7', 'changed'],
])('a key in the line of %j is, with %j, %s', (hosts, config, verdict) => {
  write('.ssh/known_hosts', `${hosts} ${own.line}\n`)
  expect(verdictOn(resolve(config).hostKeys, own.blob)).toBe(verdict)
})

test('a key of another kind than the one that is known at port 22 is not known', () => {
  write('.ssh/known_hosts', `box ${key('another').line}\n`)
  expect(verdictOn(resolve('Port 7').hostKeys, own.blob)).toBe('unknown')
})

test('that a certificate authority vouches for a host is told where its key is refused', () => {
  write('.ssh/known_hosts', `@cert-authority b*,!bar ${key('authority').line}\n`)
  const told = (target: string) =>
    connectFailure(resolve('', { target }), {}, { trail: noTrail, rejectedKey: own.blob }).message
  expect(told('box')).toContain('but a certificate authority that vouches for it; certificates')
  expect(told('bar')).not.toContain('authority')
})
