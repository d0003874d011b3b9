import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  type Destination,
  resolveDestination,
  type SshSettings,
} from '../../src/backends/ssh/destination.ts'

let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'sandbox-mcp-home-'))
  mkdirSync(join(home, '.ssh'))
})
afterEach(() => rmSync(home, { recursive: true }))

const write = (name: string, text: string) => writeFileSync(join(home, '.ssh', name), text)
const resolve = (settings: SshSettings | string) =>
  resolveDestination(typeof settings === 'string' ? { target: settings } : settings, {
    home,
    user: 'me',
    agent: '/agent.sock',
  })

const privateKeys = ({ credentials }: Destination) =>
  credentials.identities.map(({ privateKey }) => privateKey)

test.each([
  ['box', { host: 'box', user: 'me', port: 22 }],
  ['you@box:2200', { host: 'box', user: 'you', port: 2200 }],
  ['ssh://you@box:2200', { host: 'box', user: 'you', port: 2200 }],
  ['you@[fe80::1]:23', { host: 'fe80::1', user: 'you', port: 23 }],
  ['a@b@box', { host: 'box', user: 'a@b', port: 22 }],
])('the target %s', (target, expected) => {
  expect(resolve(target)).toMatchObject(expected)
})

test.each(['', '-oProxyCommand=x', 'a b', '-l@box', 'box:0', 'box:70000', 'box\n', 'you@'])(
  'the target %j is refused',
  (target) => {
    expect(() => resolve(target)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  },
)

test('the first value of a matching block wins, and the target wins over both', () => {
  write(
    'config',
    [
      '# comment',
      'Host other',
      '  HostName 10.0.0.9',
      'Host box !not *.lan',
      '\tHostName = %h.example.org',
      '  User "first one"',
      '  IdentityFile ~/.ssh/a',
      'Match exec "touch /tmp/ran"',
      '  Port 1',
      'Host *',
      '  user second',
      '  Port 2222',
      '  IdentityFile ~/.ssh/b # not c',
    ].join('\n'),
  )
  write('a', 'A')
  write('b', 'B')
  write('id_rsa', 'default')
  const box = resolve('box')
  expect(box).toMatchObject({ host: 'box.example.org', user: 'first one', port: 2222 })
  expect(privateKeys(box)).toEqual(['A\n', 'B\n'])
  expect(resolve('me@box:5')).toMatchObject({ user: 'me', port: 5 })
})

test('included files count where they are named, and a loop of them ends', () => {
  write('config', 'Include conf.d/*\nHost box\n  User late\n')
  mkdirSync(join(home, '.ssh/conf.d'))
  write('conf.d/1', 'Host box\n  User early\nInclude config\n')
  expect(resolve('box').user).toBe('early')
})

test('keys come from the usual files and the agent, unless settings name one', () => {
  write('id_ed25519', 'usual')
  write('mine', '\ufeffline one\r\nline two')
  const usual = resolve('box')
  expect(usual).toMatchObject({ agent: '/agent.sock', credentials: { only: false } })
  expect(privateKeys(usual)).toEqual(['usual\n'])
  const own = resolve({ target: 'box', identityFile: '~/.ssh/mine' })
  expect(own.credentials.only).toBe(true)
  expect(privateKeys(own)).toEqual(['line one\nline two\n'])
  const inline = resolve({ target: 'box', identityFile: '~/.ssh/mine', identityData: 'x\\ny' })
  expect(privateKeys(inline)).toEqual(['x\ny\n'])
})

test('IdentitiesOnly and IdentityAgent are kept to', () => {
  write(
    'config',
    'Host a\n IdentitiesOnly yes\n IdentityFile ~/.ssh/k\nHost b\n IdentityAgent none',
  )
  expect(resolve('a').credentials.only).toBe(true)
  expect(resolve('b').agent).toBeUndefined()
  expect(resolve('c')).toMatchObject({ agent: '/agent.sock', credentials: { only: false } })
})

test('hosts to go through are resolved as hosts of their own, the last one nearest', () => {
  write(
    'config',
    [
      'Host box\n ProxyJump first,you@second:2200',
      'Host first\n HostName 10.0.0.1',
      'Host second\n HostName 10.0.0.2\n ProxyJump none',
    ].join('\n'),
  )
  const { jump } = resolve('box')
  expect(jump).toMatchObject({ host: '10.0.0.2', user: 'you', port: 2200 })
  expect(jump?.jump).toMatchObject({ host: '10.0.0.1', jump: undefined })
})

test('a circle of hosts and a missing key are told', () => {
  write('config', 'Host a\n ProxyJump b\nHost b\n ProxyJump a')
  expect(() => resolve('a')).toThrow(/a -> b -> a/)
  expect(() => resolve({ target: 'd', identityFile: '/nowhere/key' })).toThrow(/cannot be read/)
})

test('a ProxyCommand is kept as it stands, with its tokens filled in', () => {
  write(
    'config',
    [
      'Host box',
      '  HostName %h.lan',
      '  ProxyCommand  nc "-x" proxy:1080 %h %p # %% %n %r ',
      '  ProxyJump never',
      'Host jumped',
      '  ProxyJump box',
      '  ProxyCommand never',
      'Host direct',
      '  ProxyCommand none',
      '  ProxyJump never',
    ].join('\n'),
  )
  expect(resolve('you@box')).toMatchObject({
    jump: undefined,
    proxyCommand: 'nc "-x" proxy:1080 box.lan 22 # % box you',
  })
  const jumped = resolve('jumped')
  expect(jumped.proxyCommand).toBeUndefined()
  expect(jumped.jump?.proxyCommand).toContain('box.lan 22')
  expect(resolve('direct')).toMatchObject({ jump: undefined, proxyCommand: undefined })
})

test.each([
  ['box', 'nc %h %x', /a token that is not known: %x/],
  ['box', 'nc %h %', /a token that is not known: %/],
  ['a;reboot@box', 'nc %r', /"a;reboot" cannot be filled in for %r/],
  ['$(x)@box', 'nc %r', /cannot be filled in/],
])('for the target %s the ProxyCommand %s is refused', (target, command, message) => {
  write('config', `Host *\n ProxyCommand ${command}`)
  expect(() => resolve(target)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
  )
})

test('a ProxyCommand that passes a descriptor is refused', () => {
  write('config', 'Host *\n ProxyCommand nc -F %h %p\n ProxyUseFdpass yes')
  expect(() => resolve('box')).toThrow(/ProxyUseFdpass, which is not supported/)
})

test.each([
  ['host box.lan', true],
  ['host box', false],
  ['originalhost b*,other', true],
  ['originalhost b*,!box', false],
  ['!originalhost other', true],
  ['user you localuser me', true],
  ['user you !localuser me', false],
  ['user me', false],
  ['all', true],
  ['exec "touch /tmp/ran"', false],
  ['originalhost box exec true', false],
  ['final host box.lan', true],
  ['final originalhost other', false],
  ['canonical', false],
  ['host', false],
])('"Match %s" applies: %s', (criteria, applies) => {
  write('config', `Host box\n HostName box.lan\nMatch ${criteria}\n Port 7\n`)
  expect(resolve('you@box').port).toBe(applies ? 7 : 22)
})

test('what is no certificate of a user is refused', () => {
  write('key', 'ssh-ed25519 AAAA')
  for (const name of ['key', 'missing']) {
    const certificateFile = join(home, '.ssh', name)
    expect(() => resolve({ target: 'box', certificateFile })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  }
})

test('host keys are strict by default; the user may say otherwise for a host', () => {
  write('config', 'Host vm\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null')
  expect(resolve('box').hostKeys).toMatchObject({
    strict: true,
    file: join(home, '.ssh/known_hosts'),
  })
  expect(resolve('vm').hostKeys).toMatchObject({ strict: false, file: '/dev/null' })
  const strict = resolve({ target: 'vm', strictHostKeyChecking: true })
  expect(strict.hostKeys.strict).toBe(true)
  const inline = resolve({ target: 'box', knownHostsData: 'box ssh-ed25519 AAAA' })
  expect(inline.hostKeys).toMatchObject({ file: undefined, known: [{ type: 'ssh-ed25519' }] })
})
