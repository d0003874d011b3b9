/** Which value counts, where it comes from, and what lost. */
import { describe, expect, test } from 'vitest'
import { originLines, resolved, usual } from './resolved.ts'

const sandbox = (text: string) => `{agents: {defaults: {sandbox: ${text}}}}`

test('nothing given: the defaults, from nowhere else', async () => {
  const result = await resolved([])
  expect(result.settings).toMatchObject({
    workspace: undefined,
    access: 'rw',
    mode: 'all',
    scope: 'agent',
    backend: 'auto',
    network: 'none',
    agent: 'main',
    session: 'main',
    ephemeral: false,
    prune: { idleHours: 24, maxAgeDays: 7 },
    sync: { ignore: [], gitignore: false },
    tools: { allow: undefined, deny: [] },
    ssh: undefined,
  })
  expect(originLines(result)).toEqual([])
  expect(result.origins.get('docker.network')).toEqual({
    value: 'none',
    source: { kind: 'default', name: 'default' },
    lost: [],
  })
  expect([result.warnings, result.filesRead]).toEqual([[], []])
})

test('options win over variables, those over the file, that over the defaults', async () => {
  const given = {
    config: sandbox(`{docker: {image: 'of-file', platform: 'linux/of-file', memory: '1g'}}`),
    env: { SANDBOX_RUNTIME_CONTAINER_IMAGE: 'of-env', SANDBOX_PLATFORM: 'linux/of-env' },
  }
  const result = await resolved(['--image', 'of-flag'], given)
  expect(result.settings.docker).toMatchObject({
    image: 'of-flag',
    platform: 'linux/of-env',
    memory: '1g',
    workdir: '/workspace',
  })
  const place = 'agents.defaults.sandbox.docker.image (line 1)'
  expect(result.origins.get('docker.image')).toEqual({
    value: 'of-flag',
    source: { kind: 'flag', name: '--image' },
    lost: [
      { value: 'of-env', source: { kind: 'environment', name: 'SANDBOX_RUNTIME_CONTAINER_IMAGE' } },
      { value: 'of-file', source: { kind: 'file', name: usual, place } },
    ],
  })
})

test('sources that agree have no loser', async () => {
  const given = { config: sandbox(`{docker: {dns: ['1.1.1.1']}, mode: 'all'}`) }
  const result = await resolved(['--set', 'docker.dns=["1.1.1.1"]'], given)
  expect(result.origins.get('docker.dns')?.lost).toEqual([])
})

test('an option wins over --set for the same, and the difference is kept', async () => {
  const { settings, origins } = await resolved(['--set', 'docker.image=a', '--image', 'b'])
  expect(settings.image).toBe('b')
  expect(origins.get('docker.image')?.lost).toEqual([
    { value: 'a', source: { kind: 'flag', name: '--set agents.defaults.sandbox.docker.image' } },
  ])
})

describe('the workspace', () => {
  const config = `{agents: {defaults: {workspace: '~/of-file'}, entries: {a: {workspace: '/of-a'}}}}`
  const env = { WORKSPACE_BASE: '/of-env' }

  test.each([
    [['--workspace', '/of-flag'], { config, env }, '/of-flag', '--workspace'],
    [[], { config, env }, '/home/me/of-file', 'agents.defaults.workspace (line 1)'],
    [['--agent', 'a'], { config, env }, '/of-a', 'agents.entries.a.workspace (line 1)'],
    [[], { env }, '/of-env', 'WORKSPACE_BASE'],
    [[], { env: { ...env, WORKSPACE_MOUNT_PATH: '/mount' } }, '/mount', 'WORKSPACE_MOUNT_PATH'],
    [['--workspace', '~/x'], {}, '/home/me/x', '--workspace'],
  ])('%j with %j is %s', async (args, given, path, source) => {
    const { settings } = await resolved(args, given)
    expect(settings.workspace).toEqual({ path, source: expect.stringContaining(source) })
  })
})

describe('one agent’s settings', () => {
  const config = `{
    agents: {
      defaults: { sandbox: {
        mode: 'off', backend: 'docker',
        docker: { image: 'all', env: {A: '1', B: '1'}, ulimits: {nofile: 1, nproc: 1}, tmpfs: ['/a', '/b'], binds: ['/x:/x'] },
        prune: { idleHours: 1, maxAgeDays: 1 },
      }},
      entries: { own: { sandbox: {
        mode: 'all',
        docker: { env: {B: '2', C: '2'}, ulimits: {nproc: 2}, tmpfs: ['/c'], binds: ['/y:/y:ro'] },
        prune: { maxAgeDays: 2 },
        SCOPE
      }}},
    },
  }`

  test('win key by key; maps are merged, binds added up, lists replaced', async () => {
    const { settings, origins } = await resolved(['--agent', 'own'], {
      config: config.replace('SCOPE', ''),
    })
    expect(settings).toMatchObject({ mode: 'all', prune: { idleHours: 1, maxAgeDays: 2 } })
    expect(settings.docker).toMatchObject({
      image: 'all',
      env: { A: '1', B: '2', C: '2' },
      ulimits: { nofile: 1, nproc: 2 },
      tmpfs: ['/c'],
      binds: ['/x:/x', '/y:/y:ro'],
    })
    expect(settings.docker.env).not.toHaveProperty('LANG')
    expect(origins.get('docker.binds')).toMatchObject({
      source: { place: 'agents.entries.own.sandbox.docker.binds (line 10)' },
      also: [{ place: 'agents.defaults.sandbox.docker.binds (line 5)' }],
    })
  })

  test('do not concern another agent', async () => {
    const { settings } = await resolved([], { config: config.replace('SCOPE', '') })
    expect(settings).toMatchObject({
      mode: 'off',
      docker: { binds: ['/x:/x'], tmpfs: ['/a', '/b'] },
    })
  })

  test.each([
    ["scope: 'shared'", []],
    ['perSession: false', []],
    ['', ['--set', 'scope=shared']],
  ])('in scope shared (%s %j) docker, ssh and prune are those of all', async (scope, args) => {
    const result = await resolved(['--agent', 'own', ...args], {
      config: config.replace('SCOPE', scope),
    })
    expect(result.settings).toMatchObject({
      scope: 'shared',
      mode: 'all',
      prune: { maxAgeDays: 1 },
      docker: { env: { A: '1', B: '1' }, binds: ['/x:/x'] },
    })
    expect(result.warnings).toEqual([
      expect.stringMatching(/own\.sandbox\.docker .*the scope is shared/),
      expect.stringMatching(/own\.sandbox\.prune .*the scope is shared/),
    ])
  })

  test.each([
    ['true', 'session'],
    ['false', 'shared'],
  ])('perSession %s is scope %s', async (perSession, scope) => {
    const { settings } = await resolved([], { config: sandbox(`{perSession: ${perSession}}`) })
    expect(settings.scope).toBe(scope)
    const both = sandbox(`{perSession: ${perSession}, scope: 'agent'}`)
    expect((await resolved([], { config: both })).settings.scope).toBe('agent')
  })

  test('perSession does not count where a scope is given, for whomever, and is told as it stands', async () => {
    const agent = '{agents: {defaults: {sandbox: DEFAULTS}, entries: {a: {sandbox: AGENTS}}}}'
    const scopeOf = async (ofAll: string, own: string) => {
      const config = agent.replace('DEFAULTS', ofAll).replace('AGENTS', own)
      const { settings, origins } = await resolved(['--agent', 'a'], { config })
      return [settings.scope, origins.get('scope')?.source.place]
    }
    expect(await scopeOf("{scope: 'agent'}", '{perSession: true}')).toEqual([
      'agent',
      'agents.defaults.sandbox.scope (line 1)',
    ])
    expect(await scopeOf('{perSession: false}', '{perSession: true}')).toEqual([
      'session',
      'agents.entries.a.sandbox.perSession (line 1)',
    ])
    expect(await scopeOf('{perSession: true}', "{scope: 'shared'}")).toEqual([
      'shared',
      'agents.entries.a.sandbox.scope (line 1)',
    ])
  })

  test('an agent that the file does not name is told, with the nearest', async () => {
    const { warnings } = await resolved(['--agent', 'onw'], { config: config.replace('SCOPE', '') })
    expect(warnings).toEqual([expect.stringMatching(/no agent "onw" .*did you mean own\?/)])
  })
})

describe('where nobody names an agent, and none of the file’s is the default', () => {
  const file = (...ids: string[]) =>
    `{agents: {list: ${JSON.stringify(ids.map((id) => ({ id })))}}}`

  test('it is main; the file’s agents are told, with what chooses one of them', async () => {
    const { settings, warnings } = await resolved([], { config: file('coder', 'reviewer') })
    expect(settings.agent).toBe('main')
    expect(warnings).toEqual([
      `no agent was chosen, so it is main, which is not in ${usual}, and the defaults hold; there are coder, reviewer: choose one with --agent coder, or by default: true in the file`,
    ])
  })

  test.each([
    ['main is asked for', ['--agent', 'main'], { config: file('coder') }],
    [
      'main is asked for by a variable',
      [],
      { config: file('a'), env: { SANDBOX_MCP_AGENT: 'main' } },
    ],
    ['main is one of them', [], { config: file('coder', 'main') }],
    ['there are none', [], { config: '{agents: {list: [], entries: {}}}' }],
    ['one is the default', [], { config: '{agents: {entries: {coder: {default: true}}}}' }],
  ])('nothing is told where %s', async (_, args, given) => {
    expect((await resolved(args, given)).warnings).toEqual([])
  })
})

test('an environment keeps the default LANG unless the file sets it for all agents', async () => {
  const own = `{agents: {entries: {main: {sandbox: {docker: {env: {A: '1'}}}}}}}`
  const { settings } = await resolved([], { config: own, env: { SANDBOX_ENV_B: '2' } })
  expect(settings.docker.env).toEqual({ LANG: 'C.UTF-8', A: '1', B: '2' })
  const set = await resolved(['--set', 'docker.env.C=3'])
  expect(set.settings.docker.env).toEqual({ LANG: 'C.UTF-8', C: '3' })
})

describe('variables that OpenClaw’s file has itself', () => {
  const given = (env: object) => ({
    config: JSON.stringify({
      env: { vars: { KEY: 'of the file', IMAGE: 'of-file', TEXT: `\${HOME}` } },
      agents: {
        defaults: {
          sandbox: {
            docker: { image: `\${IMAGE}`, env: { T: `\${TEXT}`, S: '$KEY' } },
            ssh: { target: 'me@host', identityData: ' $KEY ', knownHostsData: '$5 a line' },
          },
        },
      },
    }),
    env: { ...env },
  })

  test('hold where the environment has none, and are no text with variables themselves', async () => {
    const { settings } = await resolved([], given({ IMAGE: '' }))
    expect(settings.docker).toMatchObject({ image: 'of-file', env: { T: `\${HOME}`, S: '$KEY' } })
    expect((await resolved([], given({ IMAGE: 'of-env' }))).settings.image).toBe('of-env')
  })

  test('may be in env itself, and that counts before env.vars', async () => {
    const env = { IMAGE: 'direct', vars: { IMAGE: 'of-vars', KEY: 'of-vars' }, KEY: '' }
    const docker = { image: `\${IMAGE}`, env: { K: `\${KEY}` } }
    const config = JSON.stringify({ env, agents: { defaults: { sandbox: { docker } } } })
    const { settings } = await resolved([], { config })
    expect(settings.docker).toMatchObject({ image: 'direct', env: { K: 'of-vars' } })
    const lost = JSON.stringify({
      env: { shellEnv: { enabled: true } },
      agents: { defaults: { sandbox: { docker } } },
    })
    await expect(resolved([], { config: lost })).rejects.toThrow('variable IMAGE is not set')
  })

  test('are secrets by the short name too, of which nothing is shown', async () => {
    const { settings, origins } = await resolved([], given({}))
    expect(settings.ssh).toMatchObject({
      identityData: 'of the file',
      knownHostsData: '$5 a line',
    })
    expect(origins.get('ssh.identityData')?.value).toBe('(not shown)')
    const without = '{agents: {defaults: {sandbox: {ssh: {identityData: "$NONE"}}}}}'
    await expect(resolved([], { config: without })).rejects.toThrow('variable NONE is not set')
  })
})

test('--set takes JSON5 and text, relative and whole paths, and the later of two', async () => {
  const { settings } = await resolved([
    ...['--set', 'docker.memory=2g', '--set', "docker.dns=['1.1.1.1',]", '--set', 'docker.cpus=.5'],
    ...['--set', 'docker.env.PORT=8080', '--set', 'docker.env={"A": "x=y"}'],
    ...['--set', 'agents.defaults.sandbox.docker.workdir=/w', '--set', 'docker.readOnlyRoot=false'],
    ...['--set', 'plugins.entries.openshell.config.mode=remote', '--set', 'docker.image=12'],
    ...['--set', 'agents.entries.main.sandbox.docker.user=7', '--set', 'docker.user=8:8'],
    ...['--set', 'tools.sandbox.tools.deny=["exec"]', '--set', 'ssh.target=me@host'],
  ])
  expect(settings).toMatchObject({
    openshell: { mode: 'remote' },
    tools: { deny: ['exec'] },
    ssh: { target: 'me@host' },
    docker: {
      memory: '2g',
      dns: ['1.1.1.1'],
      cpus: 0.5,
      env: { LANG: 'C.UTF-8', A: 'x=y' },
      workdir: '/w',
      readOnlyRoot: false,
      image: '12',
      user: '7',
    },
  })
})

test.each(['bob.smith', 'alice@example.com'])('--set addresses agent %s', async (agent) => {
  const at = `agents.entries.${agent}`
  const { settings, origins } = await resolved([
    ...['--agent', agent, '--set', `${at}.sandbox.docker.image=own`, '--set', `${at}.workspace=/w`],
    ...['--set', `${at}.tools.sandbox.tools.deny=["exec"]`, '--set', 'docker.image=all'],
  ])
  expect(settings).toMatchObject({
    image: 'own',
    workspace: { path: '/w' },
    tools: { deny: ['exec'] },
  })
  expect(origins.get('docker.image')?.source.name).toBe(`--set ${at}.sandbox.docker.image`)
})

test('--network is Docker’s, and bubblewrap’s as far as it has one', async () => {
  const network = async (...args: string[]) => {
    const { settings } = await resolved(args)
    return [settings.docker.network, settings.bubblewrap.network, settings.network]
  }
  expect(await network('--network', 'bridge')).toEqual(['bridge', 'host', 'bridge'])
  expect(await network('--network', 'none')).toEqual(['none', 'none', 'none'])
  // A network that is given to containers opens nothing of the host's.
  expect(await network('--set', 'docker.network=bridge')).toEqual(['bridge', 'none', 'bridge'])
  const backend = ['--backend', 'bubblewrap', '--set', 'bubblewrap.network=host']
  expect(await network(...backend)).toEqual(['none', 'host', 'host'])
})

test('the file is --config, or the one where the system keeps such files', async () => {
  const image = async (args: string[], env: Record<string, string>, ...paths: string[]) => {
    const files = Object.fromEntries(
      paths.map((path) => [path, sandbox(`{docker: {image: '${path}'}}`)]),
    )
    const { settings, filesRead } = await resolved(args, { env, files })
    return [settings.image, ...filesRead]
  }
  expect(await image([], { XDG_CONFIG_HOME: '/x' }, '/x/sandbox-mcp/config.json5', usual)).toEqual([
    '/x/sandbox-mcp/config.json5',
    '/x/sandbox-mcp/config.json5',
  ])
  expect(await image(['--config', '/f'], {}, '/f', usual)).toEqual(['/f', '/f'])
  expect(await image(['--config', '~/f'], {}, '/home/me/f')).toEqual(['/home/me/f', '/home/me/f'])
})

test('text is taken from the environment where it says so, and only in our parts', async () => {
  const config = `{
    gateway: { token: '\${NOT_THERE}' },
    agents: {
      defaults: { sandbox: { docker: { image: 'a/\${IMAGE}:$\${TAG}\${lower}' } } },
      entries: { other: { sandbox: { docker: { image: '\${NOT_THERE}' } } } },
    },
  }`
  const { settings } = await resolved([], { config, env: { IMAGE: 'b' } })
  expect(settings.image).toBe(`a/b:\${TAG}\${lower}`)
})

test.each(['coder', 'bob.smith', 'alice@example.com'])(
  'text is taken from the environment for agent %s',
  async (agent) => {
    const own = `sandbox: {docker: {image: 'a/\${IMAGE}', user: '\${USER_ID}'}}`
    for (const agents of [`entries: {'${agent}': {${own}}}`, `list: [{id: '${agent}', ${own}}]`]) {
      const given = { config: `{agents: {${agents}}}`, env: { IMAGE: 'b' } }
      await expect(resolved(['--agent', agent], given)).rejects.toThrow('USER_ID is not set')
      const env = { IMAGE: 'b', USER_ID: '7' }
      const { settings } = await resolved(['--agent', agent], { ...given, env })
      expect(settings.docker).toMatchObject({ image: 'a/b', user: '7' })
    }
  },
)

test('an empty environment for all agents leaves none, and empty lists stay empty', async () => {
  const config = sandbox('{docker: {env: {}, tmpfs: [], capDrop: []}}')
  const { settings } = await resolved([], { config })
  expect(settings.docker).toMatchObject({ env: {}, tmpfs: [], capDrop: [] })
  expect(settings.docker.env).not.toHaveProperty('LANG')
})

test('an empty list of allowed tools is all of them, whatever else is allowed', async () => {
  const config = `{tools: {sandbox: {tools: {allow: []}}}, agents: {entries: {
    a: {tools: {sandbox: {tools: {alsoAllow: ['exec']}}}}}}}`
  const { settings } = await resolved(['--agent', 'a'], { config })
  expect(settings.tools.allow).toEqual([])
})
