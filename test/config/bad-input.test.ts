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
    [['--set', 'agents.entries.a..sandbox.mode=off'], 'is not path.to.key=value', 'docker.memory'],
    [['--set', '__proto__.x=1'], 'is not path.to.key=value', '--set docker.memory=2g'],
    [['--set', 'docker.toString=1'], 'no setting "toString" here; there are image', 'docs/'],
    [['--set', 'constructor.x=1'], 'no setting "constructor" here', 'docs/'],
    [['--set', 'tools.deny=["x"]'], 'no such setting; it belongs in tools.sandbox.tools', 'docs/'],
    [['--set', 'mode=of'], 'mode must be "off", "non-main" or "all", not "of"', 'docs/'],
    [['--set', 'agents.list.0.sandbox.mode=off'], 'an element of a list', 'agents.entries.ID'],
    [['--set', 'agents.defaults.model=x'], 'agents.defaults.model: there is no such', 'docs/'],
    [['--set', 'agents.entries.a.b.model=x'], 'agents.entries.a.b.model: there is no', 'docs/'],
    [['--set', 'agents.entries.sandbox.mode=off'], 'entries.sandbox.mode: there is no', 'docs/'],
    [
      ['--set', 'agents.entries.a.sandbox.sandbox.mode=off'],
      'no setting "sandbox" here',
      'docs/configuration.md',
    ],
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
    [['--backend', 'podman'], 'there is no backend "podman"', 'Use docker for Podman'],
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

describe('of values that no sandbox can be made with, with the place where each was set', () => {
  test.each([
    ['docker: { memory: "lots" }', 'docker.memory "lots" is not an amount of memory', 'memory'],
    ['docker: { memory: "1k" }', 'docker.memory "1k" is less than 6 MiB', 'memory'],
    ['docker: { memory: "2g", memorySwap: "1g" }', 'docker.memorySwap "1g" is less', 'memorySwap'],
    ['docker: { cpus: 5000 }', 'docker.cpus "5000" is not a number of processors', 'cpus'],
    ['docker: { cpus: 0.001 }', 'leave it out for no limit', 'cpus'],
    ['docker: { gpus: "some" }', 'docker.gpus "some" is no choice of GPUs', 'gpus'],
    ['docker: { ulimits: { nofiles: 1 } }', 'names no limit of the kernel', 'ulimits.nofiles'],
    [
      'docker: { ulimits: { "no.file": 1 } }',
      '"{\\"no.file\\":1}" names no limit',
      String.raw`ulimits\.no\.file`,
    ],
    ['docker: { user: "a b" }', 'docker.user "a b" is not a user', 'user'],
    ['docker: { image: "a image" }', 'docker.image "a image" is not the name', 'image'],
    ['docker: { platform: "arm" }', 'docker.platform "arm" is not a platform', 'platform'],
    ['docker: { workdir: "/proc/x" }', 'docker.workdir "/proc/x" is no place', 'workdir'],
    ['docker: { workdir: "/a/../b" }', 'docker.workdir "/a/../b" is no place', 'workdir'],
    ['docker: { tmpfs: ["/x:wrong=1"] }', 'has an unknown option "wrong=1"', 'tmpfs'],
    ['docker: { capDrop: ["a b"] }', 'docker.capDrop "a b" is no capability', 'capDrop'],
    ['docker: { network: "host" }', "is refused: it is the host's own network", 'network'],
    ['docker: { network: "container:x" }', 'another container', 'network'],
    ['docker: { dns: ["x"] }', 'docker.dns "x" is not an IP address', 'dns'],
    ['docker: { extraHosts: ["x"] }', 'docker.extraHosts "x" is not "name:address"', 'extraHosts'],
    ['docker: { seccompProfile: "unconfined" }', 'it takes a wall away', 'seccompProfile'],
    ['docker: { seccompProfile: "rel.json" }', 'is not an absolute path', 'seccompProfile'],
    ['docker: { seccompProfile: "/none.json" }', 'cannot be used: ENOENT', 'seccompProfile'],
    ['docker: { apparmorProfile: "unconfined" }', 'it takes a wall away', 'apparmorProfile'],
    ['docker: { binds: ["/etc:/x"] }', 'is refused: its source is in /etc', 'binds'],
    ['docker: { binds: ["data:/x"] }', 'named volumes are not offered', 'binds'],
    ['docker: { binds: ["/none:/x"] }', 'is refused: its source is not there', 'binds'],
    ['docker: { binds: ["/usr:/workspace/x"] }', 'in /workspace, which is reserved', 'binds'],
    ['backend: "ssh", ssh: { target: "a b" }', '"a b" is not an SSH target', 'target'],
    [
      'backend: "ssh", ssh: { target: "h", identityFile: "/none" }',
      '"/none" cannot',
      'identityFile',
    ],
  ])('%s', async (text, what, key) => {
    const { message, hint } = await refusal([], { config: inSandbox(text) })
    expect(`${message} | ${hint}`).toContain(what)
    expect(message).toMatch(new RegExp(`sandbox\\.\\w+\\.${key} \\(line 3\\) in ${usual}\\)$`))
  })

  test.each([
    ['gatewayEndpoint: "ftp://x"', 'Write a URL such as', 'gatewayEndpoint'],
    ['gateway: "-x"', 'begins with no hyphen', 'gateway'],
    ['policy: "policy.yaml"', 'Write the absolute path of a file', 'policy'],
    ['policy: "/none.yaml"', 'policy file that is there (ENOENT)', 'policy'],
    ['remoteWorkspaceDir: "/srv"', '/sandbox, /agent, or one below them', 'remoteWorkspaceDir'],
    ['remoteAgentWorkspaceDir: "/sandbox/a"', 'neither in /sandbox', 'remoteAgentWorkspaceDir'],
    ['timeoutSeconds: 1e9', 'Write a number from 1 to 86400', 'timeoutSeconds'],
    ['providers: ["-x"]', 'begins with no hyphen', 'providers'],
  ])('openshell %s', async (text, hint, key) => {
    const config = `{plugins: {entries: {openshell: {\nconfig: {${text}}}}}}`
    const error = await refusal(['--backend', 'openshell'], { config })
    expect(error.message).toContain(
      `(plugins.entries.openshell.config.${key} (line 2) in ${usual})`,
    )
    expect(error.hint).toContain(hint)
  })

  test('all of them at once, from wherever they are', async () => {
    const error = await refusal(['--image', 'a b', '--set', 'docker.cpus=1e9'], {
      config: inSandbox('docker: { memory: "lots" }'),
      env: { SANDBOX_PLATFORM: 'arm' },
    })
    expect(error.message).toContain('4 settings cannot be used:')
    for (const place of ['--image', '--set agents.defaults', 'SANDBOX_PLATFORM', '(line 3)']) {
      expect(error.message).toContain(place)
    }
  })

  test('a source outside the workspace, as soon as it is known which that is', async () => {
    const config = inSandbox('docker: { binds: ["/usr/share:/x"] }')
    await expect(resolved([], { config })).resolves.toMatchObject({ problems: [] })
    const error = await refusal(['--workspace', '/usr/lib'], { config })
    expect(error.message).toContain('is outside the workspace')
    expect(error.hint).toContain('docker.dangerouslyAllowExternalBindSources')
  })

  test('only where they count', async () => {
    const config = inSandbox('docker: { memory: "lots" }, ssh: { target: "a b" }')
    for (const args of [
      ['--backend', 'bubblewrap'],
      ['--set', 'mode=off'],
    ]) {
      expect((await resolved(args, { config })).problems).toEqual([])
    }
  })

  test('a network that bubblewrap has not', async () => {
    const { message, hint } = await refusal(['--backend', 'bubblewrap', '--network', 'nnoe'])
    expect([message, hint].join()).toMatch(/bubblewrap has no network "nnoe" \(--network\).*none/)
  })
})

test('paths inside have one spelling, however they are written', async () => {
  const roots = 'remoteWorkspaceDir: "/sandbox//a/../b/", remoteAgentWorkspaceDir: "/agent/"'
  const { settings, problems } = await resolved(['--backend', 'openshell'], {
    config: `{plugins: {entries: {openshell: {config: {${roots}, policy: "~/p.yaml"}}}}}`,
    env: { WORKSPACE_MOUNT_PATH_IN_SANDBOX: '/srv//app/' },
  })
  expect(settings.openshell).toMatchObject({
    remoteWorkspaceDir: '/sandbox/b',
    remoteAgentWorkspaceDir: '/agent',
    policy: '/home/me/p.yaml',
  })
  expect(settings.docker.workdir).toBe('/srv/app')
  expect(problems.map(({ setting }) => setting)).toEqual(['openshell.policy'])
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
    [
      [],
      '{agents: {defaults: {sandbox: {mode: "off"}}},\nagents: {}}',
      'agents is there twice; this one, the later, counts (agents, line 2',
    ],
    [
      [],
      '{agents: {entries: {a: {},\n\na: {}, main: {}}}}',
      'a is there twice; this one, the later, counts (agents.entries.a, line 3',
    ],
    [[], '{agnets: {}, constructor: {}}', '"agnets" is not read here; did you mean "agents"?'],
    [[], '{agents: {default: {}}}', '"default" is not read here; did you mean "defaults"?'],
    [['--backend', 'bubblewrap'], inSandbox('docker: {memory: "1g"}'), 'the backend is bubblewrap'],
    [['--backend', 'docker'], inSandbox('sync: {ignore: ["x"]}'), 'nothing is copied'],
    [
      [],
      '{tools: {sandbox: {tools: {deny: ["exce", "browser", "group:web", "bash", "*x"]}}}}',
      '"exce" in tools.deny (tools.sandbox.tools.deny (line 1)',
    ],
    [
      ['--access', 'ro'],
      inSandbox('mode: "off"'),
      'workspaceAccess (--access) has no effect: with mode off this session has no sandbox',
    ],
    [
      ['--access', 'none'],
      inSandbox('mode: "non-main"'),
      'workspaceAccess (--access) has no effect: with mode non-main this session has no sandbox',
    ],
  ])('%j %s', async (args, config, what) => {
    const { warnings } = await resolved(args, { config })
    expect(warnings).toEqual([expect.stringContaining(what)])
  })

  test('OpenClaw’s own keys are not taken for misspelt ones of ours', async () => {
    const own = 'hooks models env tts talk skills session memory mcp gateway channels browser'
    const config = `{${own.replaceAll(' ', ': {}, ')}: {}}`
    expect((await resolved([], { config })).warnings).toEqual([])
  })

  test.each([
    ['SANDBOX_MCP_AGNET', 'did you mean SANDBOX_MCP_AGENT?'],
    ['SANDBOX_MCP_BACKEND', 'use --backend'],
  ])('%s', async (name, what) => {
    const { warnings } = await resolved([], { env: { [name]: 'x' } })
    expect(warnings).toEqual([expect.stringContaining(what)])
  })
})
