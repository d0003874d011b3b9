/** Who shares a sandbox: whatever differs that should keep two apart gives two names. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readFlags } from '../../src/config/flags.ts'
import { backendOf, isSandboxed } from '../../src/sessions/mode.ts'
import { privateKey, sandboxName, scopeKey, sessionKey } from '../../src/sessions/scope.ts'
import type { Mode, Scope } from '../../src/settings.ts'

const one = { scope: 'agent' as Scope, agent: 'main', session: 'main' }
const digest = '5a0fd0d9ad5b8bdb2fb3da8f9a5e8a30'

test('keys are those of OpenClaw, with the workspace in each', () => {
  const key = (scope: Scope) =>
    scopeKey({ ...one, scope, session: 's' }, '/p').replace(/\w{32}$/, digest)
  expect([key('session'), key('agent'), key('shared')]).toEqual([
    `agent:main:s:workspace:${digest}`,
    `agent:main:workspace:${digest}`,
    `shared:workspace:${digest}`,
  ])
  expect(sessionKey({ agent: 'a', session: 'telegram:group:-1' })).toBe('agent:a:telegram:group:-1')
})

test.each<[Scope, { agent?: string; session?: string }, boolean]>([
  ['session', { session: 'other' }, false],
  ['session', { agent: 'other' }, false],
  ['agent', { session: 'other' }, true],
  ['agent', { agent: 'other' }, false],
  ['shared', { session: 'other' }, true],
  ['shared', { agent: 'other' }, true],
])('in scope %s, %j is the same sandbox: %s', (scope, changes, same) => {
  const key = (more: object) => scopeKey({ ...one, scope, ...more }, '/p')
  expect(key(changes) === key({})).toBe(same)
  expect(scopeKey({ ...one, scope }, '/p')).not.toBe(scopeKey({ ...one, scope }, '/q'))
})

test('no two combinations have one key, whatever sessions are called', () => {
  const agent = fc.stringMatching(/^[a-z0-9][a-z0-9._@-]{0,8}$/)
  const session = fc.oneof(
    fc.string({ minLength: 1, maxLength: 20 }),
    fc.constantFrom('workspace', 'main', `workspace:${digest}`, `x:workspace:${digest}`, 'shared'),
  )
  const subject = fc.record({
    scope: fc.constantFrom<Scope>('session', 'agent', 'shared'),
    agent: fc.oneof(agent, fc.constantFrom('shared', 'main', 'workspace')),
    session,
    workspace: fc.constantFrom('/p', '/q'),
  })
  /** What has to be the same. */
  const shared = ({ scope, agent, session, workspace }: Parameters<typeof fact>[0]) =>
    JSON.stringify([
      scope,
      workspace,
      scope === 'shared' ? '' : agent,
      scope === 'session' ? session : '',
    ])
  function fact(value: { scope: Scope; agent: string; session: string; workspace: string }) {
    return { key: scopeKey(value, value.workspace), own: privateKey(value), ...value }
  }
  fc.assert(
    fc.property(subject, subject, (a, b) => {
      expect(fact(a).key === fact(b).key).toBe(shared(a) === shared(b))
      const sameWorkspace = { ...b, workspace: a.workspace }
      expect(fact(a).own === fact(b).own).toBe(shared(a) === shared(sameWorkspace))
    }),
  )
})

test('names are the same at each start, differ between installations, and are legal everywhere', () => {
  const name = sandboxName('one', 'key')
  expect(name).toBe(sandboxName('one', 'key'))
  expect(name).toMatch(/^sbx-[a-z2-7]{15}$/)
  expect(sandboxName('two', 'key')).not.toBe(name)
})

describe('modes', () => {
  test.each<[Mode, string, boolean]>([
    ['all', 'main', true],
    ['all', 'other', true],
    ['off', 'main', false],
    ['off', 'other', false],
    ['non-main', 'main', false],
    ['non-main', 'other', true],
  ])('with mode %s the session %s is in a sandbox: %s', (mode, session, sandboxed) => {
    expect(isSandboxed({ mode, session })).toBe(sandboxed)
    expect(backendOf({ mode, session, backend: 'auto' })).toBe(sandboxed ? 'auto' : 'host')
  })
})

describe('names of sessions', () => {
  const session = (name: string) => readFlags(['--session', name]).layer.values.session
  test.each(['telegram:group:-100123', 'a b', 'Zoë/ß', '日本語', '#general'])(
    '%j is one',
    (name) => {
      expect(session(name)).toBe(name)
    },
  )
  test('spelled in two ways it is one', () => {
    expect(session('Zoe\u0308')).toBe(session('Zo\u00eb'))
  })
  test.each(['', ' ', ' a', 'a\n', 'a\u0000b', '\u202ea', 'x'.repeat(201)])(
    '%j is none',
    (name) => {
      expect(() => session(name)).toThrow(
        expect.objectContaining({
          code: 'CONFIG_INVALID',
          hint: expect.stringContaining('printable'),
        }),
      )
    },
  )
})
