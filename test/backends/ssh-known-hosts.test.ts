import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import {
  fingerprint,
  hostKeyType,
  judgeHostKey,
  lookupName,
  matchesPatterns,
  parseKnownHosts,
} from '../../src/backends/ssh/known-hosts.ts'
import { describeWhere } from '../support/available.ts'

const blob = (type: string, body: string) => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(type.length)
  return Buffer.concat([length, Buffer.from(type), Buffer.from(body)])
}
const one = blob('ssh-ed25519', 'one')
const two = blob('ssh-ed25519', 'two')
const rsa = blob('ssh-rsa', 'rsa')
const line = (hosts: string, key: Buffer, marker = '') =>
  `${marker}${hosts} ${hostKeyType(key)} ${key.toString('base64')} a comment`
const judge = (text: string, name: string, key: Buffer) =>
  judgeHostKey(parseKnownHosts(text), name, key)

test('a host is looked up by its bare name on port 22, and with the port elsewhere', () => {
  expect(lookupName('Example.ORG', 22)).toBe('example.org')
  expect(lookupName('10.0.0.1', 2222)).toBe('[10.0.0.1]:2222')
})

test('a key is known, unknown or changed', () => {
  const text = [line('a,b', one), line('[a]:2222', two)].join('\n')
  expect(judge(text, 'a', one)).toBe('known')
  expect(judge(text, 'b', one)).toBe('known')
  expect(judge(text, 'b', two)).toBe('changed')
  expect(judge(text, '[a]:2222', two)).toBe('known')
  expect(judge(text, 'c', one)).toBe('unknown')
  expect(judge(text, 'a', rsa)).toBe('unknown')
})

test('a revoked key is never accepted, and says nothing of other keys', () => {
  const text = [line('a', one), line('*', one, '@revoked ')].join('\r\n')
  expect(judge(text, 'a', one)).toBe('revoked')
  expect(judge(text, 'z', one)).toBe('revoked')
  expect(judge(text, 'z', two)).toBe('unknown')
})

test('comments, certificate authorities and broken lines are passed over', () => {
  const text = ['# a', '', line('a', one, '@cert-authority '), 'a ssh-ed25519', '   '].join('\n')
  expect(parseKnownHosts(text)).toEqual([])
})

test.each([
  [['*.example.org'], 'a.example.org', true],
  [['*.example.org', '!b.*'], 'b.example.org', false],
  [['!a'], 'b', false],
  [['10.0.0.?'], '10.0.0.12', false],
  [['a*b*c'], 'a-b-b-c', true],
  [['*'], '', true],
])('the patterns %j and the name %s', (patterns, name, expected) => {
  expect(matchesPatterns(patterns, name)).toBe(expected)
})

test('a hostile pattern is quick to match', () => {
  expect(matchesPatterns([`${'*a'.repeat(5_000)}b`], 'a'.repeat(20_000))).toBe(false)
})

describeWhere('ssh', 'known_hosts as ssh-keygen writes it', () => {
  test('hashed names are found, and fingerprints are the same', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandbox-mcp-known-'))
    const file = join(folder, 'key')
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
    const { stdout: shown } = await execa('ssh-keygen', ['-l', '-f', `${file}.pub`])
    const { stdout: plain } = await execa('cat', [`${file}.pub`])
    const key = Buffer.from(plain.split(' ')[1] ?? '', 'base64')
    expect(shown).toContain(fingerprint(key))
    const known = join(folder, 'known_hosts')
    writeFileSync(known, `host.example,[host.example]:2222 ${plain}\n`)
    await execa('ssh-keygen', ['-H', '-f', known])
    const { stdout: hashed } = await execa('cat', [known])
    expect(hashed).not.toContain('host.example')
    expect(judge(hashed, 'host.example', key)).toBe('known')
    expect(judge(hashed, '[host.example]:2222', key)).toBe('known')
    expect(judge(hashed, 'other.example', key)).toBe('unknown')
    rmSync(folder, { recursive: true })
  })
})
