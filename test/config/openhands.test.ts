/** OpenHands' variables are read as they are, or are said to have no effect. */
import { describe, expect, test } from 'vitest'
import { dockerDefaults } from '../../src/backends/docker/settings.ts'
import { ignoredVariables } from '../../src/config/openhands/ignored.ts'
import { refusal } from './refusal.ts'
import { fixture, originLines, resolved, variablesOf } from './resolved.ts'

test('an .env file as OpenHands documents it', async () => {
  const env = variablesOf(fixture('openhands.env'))
  const result = await resolved([], { env })
  const { docker, ...settings } = result.settings
  expect(settings).toMatchObject({
    backend: 'docker',
    workspace: { path: '/home/me/project', source: 'SANDBOX_VOLUMES' },
    access: 'rw',
    ephemeral: false,
    commandTimeoutSeconds: 120,
    image: docker.image,
  })
  expect(docker).toEqual({
    ...dockerDefaults,
    image: 'docker.all-hands.dev/all-hands-ai/runtime:0.62-nikolaik',
    user: '1000',
    platform: 'linux/amd64',
    binds: ['/home/me/data:/data:ro'],
    dangerouslyAllowExternalBindSources: true,
    env: { LANG: 'C.UTF-8', DEBUG: '1', LEVEL: '2', GITHUB_TOKEN: 'ghp_verysecret' },
  })
  expect(originLines(result)).toMatchInlineSnapshot(`
    [
      "backend: "docker" <- RUNTIME",
      "commandTimeoutSeconds: 120 <- SANDBOX_TIMEOUT",
      "docker.binds: ["/home/me/data:/data:ro"] <- SANDBOX_VOLUMES",
      "docker.dangerouslyAllowExternalBindSources: true <- SANDBOX_VOLUMES",
      "docker.env.DEBUG: "(not shown)" <- SANDBOX_RUNTIME_STARTUP_ENV_VARS",
      "docker.env.GITHUB_TOKEN: "(not shown)" <- SANDBOX_ENV_GITHUB_TOKEN",
      "docker.env.LEVEL: "(not shown)" <- SANDBOX_RUNTIME_STARTUP_ENV_VARS",
      "docker.image: "docker.all-hands.dev/all-hands-ai/runtime:0.62-nikolaik" <- SANDBOX_RUNTIME_CONTAINER_IMAGE (not "nikolaik/python-nodejs:python3.12-nodejs22": SANDBOX_BASE_CONTAINER_IMAGE)",
      "docker.platform: "linux/amd64" <- SANDBOX_PLATFORM",
      "docker.user: "1000" <- SANDBOX_USER_ID",
      "ephemeral: false <- SANDBOX_KEEP_RUNTIME_ALIVE",
      "workspace: "/home/me/project" <- SANDBOX_VOLUMES",
    ]
  `)
  expect(result.warnings.join('\n')).toMatchInlineSnapshot(`
    "WORKSPACE_BASE has no effect: SANDBOX_VOLUMES is set
    WORKSPACE_MOUNT_PATH_IN_SANDBOX has no effect: SANDBOX_VOLUMES is set
    SANDBOX_REMOTE_RUNTIME_API_URL has no effect: OpenHands’ remote runtime is no backend here
    SANDBOX_CLOSE_DELAY has no effect: a sandbox is kept, and its processes end with the session; --ephemeral removes it, "prune" when it is old"
  `)
})

const noPort = 'no server runs in a sandbox'

test.each<[Record<string, string>, object]>([
  [{ RUNTIME: 'eventstream' }, { backend: 'docker' }],
  [{ SANDBOX_BASE_CONTAINER_IMAGE: 'base' }, { image: 'base' }],
  [{ SANDBOX_USER_ID: '0' }, { docker: { user: '0' } }],
  [{ SANDBOX_USER_ID: '635438412', SANDBOX_GROUP_ID: '7' }, { docker: { user: '635438412:7' } }],
  [{ RUNTIME_UID: '5', SANDBOX_USER_ID: '6' }, { docker: { user: '6' } }],
  [{ SANDBOX_USER_ID: '4294967294' }, { docker: { user: '4294967294' } }],
  [
    { SANDBOX_RUNTIME_STARTUP_ENV_VARS: String.raw`{'A': '\\d\n\'\x41\u0042'}` },
    { docker: { env: { A: "\\d\n'AB" } } },
  ],
  // As Python has numbers as text.
  [
    {
      SANDBOX_RUNTIME_STARTUP_ENV_VARS: `{'A': 1.0, "B":-2.50, 'C': 1e3, 'D': 5., 'E': 7, 'F': 'x: 1.0', 'G': 0x1e5}`,
    },
    {
      docker: {
        env: { A: '1.0', B: '-2.5', C: '1000.0', D: '5.0', E: '7', F: 'x: 1.0', G: '485' },
      },
    },
  ],
  [{ RUNTIME_UID: '5' }, { docker: { user: '5' } }],
  [{ WORKSPACE_MOUNT_PATH_IN_SANDBOX: '/code' }, { docker: { workdir: '/code' } }],
  [{ SANDBOX_ENABLE_GPU: 'true' }, { docker: { gpus: 'all' }, openshell: { gpu: true } }],
  [
    { SANDBOX_ENABLE_GPU: '1', SANDBOX_CUDA_VISIBLE_DEVICES: '0,1' },
    { docker: { gpus: 'device=0,1' } },
  ],
  [{ SANDBOX_ADDITIONAL_NETWORKS: "['a', 'b']" }, { docker: { network: 'a' } }],
  [{ SANDBOX_ADDITIONAL_NETWORKS: '[]' }, { docker: { network: 'none' } }],
  [{ RUNTIME_MAX_MEMORY_GB: '2' }, { docker: { memory: 2 * 1024 ** 3 } }],
  [{ SANDBOX_VOLUMES: '/a:/workspace' }, { workspace: { path: '/a' }, docker: { binds: [] } }],
  [{ SANDBOX_VOLUMES: '/a:/workspace/:ro' }, { workspace: { path: '/a' }, access: 'ro' }],
  [
    { SANDBOX_VOLUMES: 'C:\\me\\x:/workspace, D:/y:/y:ro' },
    { workspace: { path: 'C:\\me\\x' }, docker: { binds: ['D:/y:/y:ro'] } },
  ],
  // The first mount is not the workspace where its target is another.
  [
    { SANDBOX_VOLUMES: '/a:/data', WORKSPACE_BASE: '/b' },
    { workspace: undefined, docker: { binds: ['/a:/data:rw'] } },
  ],
  // The example that OpenHands gives: nothing is at /workspace itself.
  [
    { SANDBOX_VOLUMES: '/path1:/workspace/path1,/path2:/workspace/path2:ro' },
    {
      workspace: undefined,
      access: 'none',
      docker: { binds: ['/path1:/workspace/path1:rw', '/path2:/workspace/path2:ro'] },
    },
  ],
  [
    { SANDBOX_VOLUMES: '/a:/workspace,/usr/share:/workspace/b' },
    { workspace: { path: '/a' }, access: 'rw', docker: { binds: ['/usr/share:/workspace/b:rw'] } },
  ],
  [{ WORKSPACE_BASE: '' }, { workspace: undefined }],
])('%j', async (env, settings) => {
  const result = await resolved([], { env })
  expect(result.settings).toMatchObject(settings)
  // Sources that are not there are.
  expect(result.problems.filter(({ message }) => message.includes('reserved'))).toEqual([])
})

test.each([
  [{ SANDBOX_VOLUMES: 'name:/workspace' }, '"name:/workspace" is refused: its source is a named'],
  [{ SANDBOX_VOLUMES: './a:/workspace' }, '"./a:/workspace" is refused: its source is no absolute'],
  [{ SANDBOX_VOLUMES: '~/a:/workspace' }, '"~/a:/workspace" is refused: its source is no absolute'],
  [{ SANDBOX_VOLUMES: '/a' }, '"/a" is refused: it is not source:target'],
  [{ SANDBOX_VOLUMES: '/a:b' }, '"/a:b" is refused: its target is no absolute path'],
  [{ SANDBOX_VOLUMES: '/a:/b:overlay' }, 'the mode "overlay" is not ro or rw'],
  [{ SANDBOX_VOLUMES: '/a:/b:ro:z' }, 'is refused'],
  [{ SANDBOX_VOLUMES: '/a:/b,/c:/b/' }, '"/b" is refused: two of its mounts have this target'],
  [{ SANDBOX_USER_ID: 'me' }, 'SANDBOX_USER_ID "me" is not a whole number'],
  [{ SANDBOX_USER_ID: '1', SANDBOX_GROUP_ID: 'x' }, 'SANDBOX_GROUP_ID "x" is not a whole number'],
  [{ SANDBOX_TIMEOUT: '2m' }, 'SANDBOX_TIMEOUT "2m" is not a whole number'],
  [{ RUNTIME_MAX_MEMORY_GB: 'x' }, 'RUNTIME_MAX_MEMORY_GB "x" is not a number'],
  [{ WORKSPACE_MOUNT_PATH_IN_SANDBOX: 'w' }, '"w" is not an absolute path'],
  [
    { SANDBOX_ADDITIONAL_NETWORKS: 'a' },
    `SANDBOX_ADDITIONAL_NETWORKS "a" is not a list of names, such as ['net']`,
  ],
  [{ SANDBOX_VOLUMES: '/a:/agent' }, 'docker.binds "/a:/agent:rw" is refused'],
  [{ SANDBOX_RUNTIME_STARTUP_ENV_VARS: "{'A': ['s3kr1t']}" }, 'is not an object of texts'],
  [{ SANDBOX_RUNTIME_STARTUP_ENV_VARS: 's3kr1t' }, 'is not an object of texts'],
  [{ SANDBOX_RUNTIME_STARTUP_ENV_VARS: "{'A': True, 'B': 's3kr1t'}" }, "such as {'NAME': 'text'}"],
  [
    { SANDBOX_RUNTIME_STARTUP_ENV_VARS: "{'A.B': 's3kr1t'}" },
    'SANDBOX_RUNTIME_STARTUP_ENV_VARS names no environment variable: "A.B"',
  ],
  [{ SANDBOX_RUNTIME_STARTUP_ENV_VARS: "{'A': 12345678901234567890}" }, 'is not an object of'],
  [{ SANDBOX_RUNTIME_STARTUP_ENV_VARS: "{'A': 1e-5}" }, 'is not an object of'],
  [
    { SANDBOX_RUNTIME_STARTUP_ENV_VARS: String.raw`{'A': '\\d+ \d s3kr1t'}` },
    String.raw`has the escape "\\d"`,
  ],
  [{ 'SANDBOX_ENV_A-B': 's3kr1t' }, 'SANDBOX_ENV_A-B names no environment variable: "A-B"'],
])('%j is refused', async (env, what) => {
  expect((await refusal([], { env })).message).toContain(what)
})

describe('without effect', () => {
  test('a workspace that is named beside mounts below /workspace, unless its access is too', async () => {
    const env = { SANDBOX_VOLUMES: '/a:/workspace/a' }
    const told = expect.stringContaining(
      'workspace (--workspace) has no effect: SANDBOX_VOLUMES has mounts below /workspace',
    )
    expect((await resolved(['--workspace', '/p'], { env })).warnings).toEqual([told])
    const both = await resolved(['--workspace', '/p', '--access', 'rw'], { env })
    expect([both.warnings, both.settings.access]).toEqual([[], 'rw'])
    expect((await resolved([], { env })).warnings).toEqual([])
  })

  test.each<[Record<string, string>, string]>([
    [{ RUNTIME: 'local' }, 'RUNTIME=local has no effect: commands run on the host only'],
    [{ RUNTIME: 'Docker' }, 'RUNTIME=Docker has no effect; did you mean docker?'],
    [
      { SANDBOX_CUDA_VISIBLE_DEVICES: '0' },
      'SANDBOX_CUDA_VISIBLE_DEVICES has no effect: SANDBOX_ENABLE_GPU is not true',
    ],
    [{ RUNTIME: 'modal' }, 'RUNTIME=modal has no effect: there is no such backend'],
    [{ SANDBOX_USE_HOST_NETWORK: 'true' }, 'SANDBOX_USE_HOST_NETWORK has no effect'],
    [{ SANDBOX_KEEP_RUNTIME_ALIVE: 'false' }, 'SANDBOX_KEEP_RUNTIME_ALIVE has no effect'],
    [{ SANDBOX_ADDITIONAL_NETWORKS: "['a', 'b', 'c']" }, 'SANDBOX_ADDITIONAL_NETWORKS: "b", "c"'],
    [{ SANDBOX_GROUP_ID: '1' }, 'SANDBOX_GROUP_ID has no effect: SANDBOX_USER_ID is not set'],
    [{ SANDBOX_VSCODE_PORT: '4000' }, `SANDBOX_VSCODE_PORT has no effect: ${noPort}`],
    [{ RUN_AS_OPENHANDS: 'false' }, 'RUN_AS_OPENHANDS has no effect: no user is made in a sandbox'],
    [{ SANDBOX_CLOSE_DELAY: '0' }, 'SANDBOX_CLOSE_DELAY has no effect: a sandbox is kept'],
    [{ AGENT_SERVER_IMAGE_TAG: '1.2' }, 'name an image with SANDBOX_RUNTIME_CONTAINER_IMAGE'],
    [
      { AGENT_SERVER_USE_HOST_NETWORK: 'true' },
      `AGENT_SERVER_USE_HOST_NETWORK has no effect: ${noPort}`,
    ],
    [{ SANDBOX_VOLUMS: '/a:/b' }, 'SANDBOX_VOLUMS is not read; did you mean SANDBOX_VOLUMES?'],
    [{ WORKSPACE_BASE: '/a', WORKSPACE_MOUNT_PATH: '/b' }, 'names another directory, "/b"'],
  ])('%j', async (env, what) => {
    expect((await resolved([], { env })).warnings).toEqual([expect.stringContaining(what)])
  })

  test('every other variable is told once, and none that is off or somebody else’s', async () => {
    const env = Object.fromEntries(Object.keys(ignoredVariables).map((name) => [name, 'x']))
    const { warnings } = await resolved([], { env: { ...env, SANDBOX_X: '1', RUNTIME: 'node' } })
    expect(warnings.map((warning) => warning.split(' ')[0]).sort()).toEqual(
      Object.keys(ignoredVariables).sort(),
    )
    const off = { SANDBOX_RM_ALL_CONTAINERS: 'False', SANDBOX_API_KEY: '' }
    expect((await resolved([], { env: off })).warnings).toEqual([])
  })
})
