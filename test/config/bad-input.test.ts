/** Mistakes in arguments and between settings, and what is told without being wrong. */
import { describe, expect, test } from 'vitest'
import { inSandbox, refusal, secret } from './refusal.ts'
import { resolved, usual } from './resolved.ts'

describe('on the command line', () => {
  test.each([
    [['--set', 'docker.imagee=x'], 'docker.imagee: there is no setting', 'docs/configuration.md'],
    [
      ['--set', 'docker.image'],
      '"docker.image" is not path.to.key=value',
      '--set docker.memory=2g',
    ],
    [['--set', '=x'], '"" is not path.to.key=value', '--set docker.memory=2g'],
    [['--set', 'docker..x=1'], '"docker..x" is not path.to.key=value', '--set docker.memory=2g'],
    [['--set', '__proto__.x=1'], 'is not path.to.key=value', '--set docker.memory=2g'],
    [['--set', 'mode=of'], 'mode must be "off", "non-main" or "all", not "of"', 'docs/'],
    [['--set', 'agents.list.0.sandbox.mode=off'], 'an element of a list', 'agents.entries.ID'],
    [['--set', 'agents.defaults.model=x'], 'agents.defaults.model: there is no such', 'docs/'],
    [['--set', 'plugins.openshell=1'], 'plugins.openshell: there is no such setting', 'docs/'],
    [['--set', `ssh.identityData=${secret}`], 'can see a program', 'file'],
    [['--set', `docker.env={A: ["${secret}"]}`], 'A must be text, not a list', 'docs/'],
    [['--set', 'docker={}', '--set', 'docker=[]'], 'docker must be an object, not a list', 'docs/'],
    [
      ['--set', 'docker=x', '--set', 'docker.image=y'],
      'sets a part of what another',
      'one of them',
    ],
    [['--config', '/none'], 'there is no file "/none" (--config)', 'docs/configuration.md'],
    [['--access', 'rx'], 'there is no access "rx"', 'There are none, ro, rw.'],
    [['--backend', 'dcoker'], 'there is no backend "dcoker"', 'Did you mean docker?'],
    [['--backend', 'ssh'], 'the backend ssh (--backend) needs a host', 'ssh.target=user@host'],
    [['--network', 'a b'], '"a b" is not a network', 'none, bridge'],
    [['--network', ''], '--network is empty', 'none, bridge'],
    [['--agent', 'a/b'], '--agent "a/b" is not a usable name', '64 letters'],
    [['--session', ''], '--session "" is not a usable name', '200 printable'],
    [['--verison'], 'no option "--verison"', 'Did you mean --version?'],
  ])('%j', async (args, what, hint) => {
    const error = await refusal(args)
    expect(error.message).toContain(what)
    expect(error.hint).toContain(hint)
  })
})

describe('of settings that cannot be together', () => {
  test('openshell that is chosen and forbidden names both places', async () => {
    const config = '{plugins: {entries: {openshell: {enabled: false}}}}'
    const { message } = await refusal(['--backend', 'openshell'], { config })
    expect(message).toContain('the backend openshell (--backend) is forbidden')
    expect(message).toContain(`plugins.entries.openshell.enabled (line 1) in ${usual}`)
  })

  test('openshell and mounts of the host', async () => {
    const config = inSandbox('backend: "openshell", docker: { binds: ["/a:/b"] }')
    expect((await refusal([], { config })).message).toContain('docker.binds')
  })

  test('a container’s network is joined only where that is allowed', async () => {
    await refusal(['--network', 'container:x'])
    const allowed = ['--set', 'docker.dangerouslyAllowContainerNamespaceJoin=true']
    const { settings } = await resolved(['--network', 'container:x', ...allowed])
    expect(settings.network).toBe('container:x')
  })
})

test('a file that cannot be read says why', async () => {
  const { resolveSettings } = await import('../../src/config/resolve.ts')
  const read = () => {
    throw new Error('EACCES: permission denied')
  }
  await expect(resolveSettings([], { HOME: '/home/me' }, read)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(`${usual}" cannot be read: EACCES`),
  })
})

describe('without being wrong, what has no effect is told', () => {
  test.each([
    [[], '{sandbox: {mode: "all"}}', '"sandbox" is not read here; it belongs in agents.defaults'],
    [[], '{tools: {deny: ["exec"]}}', "deny has no effect: it is OpenClaw's policy"],
    [
      [],
      inSandbox('mode: "off",\n\n mode: "all"'),
      'mode is there twice; this one, the later, counts (agents.defaults.sandbox.mode, line 5',
    ],
    [[], '{agnets: {}}', '"agnets" is not read here; did you mean "agents"?'],
    [[], '{agents: {default: {}}}', '"default" is not read here; did you mean "defaults"?'],
    [['--backend', 'bubblewrap'], inSandbox('docker: {memory: "1g"}'), 'the backend is bubblewrap'],
    [['--backend', 'docker'], inSandbox('sync: {ignore: ["x"]}'), 'nothing is copied'],
  ])('%j %s', async (args, config, what) => {
    const { warnings } = await resolved(args, { config })
    expect(warnings).toEqual([expect.stringContaining(what)])
  })

  test.each([
    ['SANDBOX_MCP_AGNET', 'did you mean SANDBOX_MCP_AGENT?'],
    ['SANDBOX_MCP_BACKEND', 'use --backend'],
  ])('%s', async (name, what) => {
    const { warnings } = await resolved([], { env: { [name]: 'x' } })
    expect(warnings).toEqual([expect.stringContaining(what)])
  })
})
