/** Which directories a sandbox gets, and which may not be together. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openShellDefaults } from '../../src/backends/openshell/settings.ts'
import { makeSession } from '../../src/sessions/make-session.ts'
import { planSandbox } from '../../src/sessions/plan-sandbox.ts'
import { sweepPrivateWorkspaces } from '../../src/sessions/private-workspace.ts'
import { forgetSandbox, writeUse } from '../../src/sessions/use-record.ts'
import type { Settings } from '../../src/settings.ts'
import { settingsWith } from '../support/settings.ts'

/** Gone with the test. */
function place() {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-plan-')))
  onTestFinished(() => rmSync(base, { recursive: true, force: true }))
  const [project, state] = [join(base, 'project'), join(base, 'state')]
  mkdirSync(project)
  mkdirSync(state)
  const plan = (changes: Partial<Settings>, inState = state) =>
    planSandbox(
      settingsWith({ workspace: { path: project, source: '--workspace' }, ...changes }),
      inState,
    )
  return { base, project, state, plan }
}

test('with rw the sandbox gets the project itself', () => {
  const { project, plan } = place()
  const { spec, access, workspace } = plan({})
  expect(spec.mounts).toEqual([{ host: project, sandbox: '/workspace', writable: true }])
  expect([access, workspace]).toEqual(['rw', project])
})

test('with ro it gets a private workspace, and the project read-only at /agent', () => {
  const { project, state, plan } = place()
  const { spec } = plan({ access: 'ro' })
  const host = join(state, 'workspaces', spec.name)
  expect(spec.mounts).toEqual([
    { host, sandbox: '/workspace', writable: true },
    { host: project, sandbox: '/agent', writable: false },
  ])
  expect(statSync(host).mode & 0o777).toBe(0o700)
})

test('with none it gets a private workspace alone, the same at each start', () => {
  const { project, plan } = place()
  const [one, again, other] = [
    plan({ access: 'none' }),
    plan({ access: 'none' }),
    plan({ access: 'none', agent: 'other' }),
  ]
  expect(one.spec.mounts).toHaveLength(1)
  expect(one.spec.mounts[0].host).not.toBe(project)
  expect(again.spec).toEqual(one.spec)
  expect(other.spec.mounts[0].host).not.toBe(one.spec.mounts[0].host)
})

test.runIf(process.getuid?.() === 0)(
  'a private workspace belongs to the owner of the project',
  () => {
    const { project, plan } = place()
    const { uid, gid } = { uid: 12_345, gid: 23_456 }
    chownSync(project, uid, gid)
    const { spec } = plan({ access: 'ro' })
    expect(spec.owner).toEqual({ uid, gid })
    expect(statSync(spec.mounts[0].host)).toMatchObject({ uid, gid })
  },
)

test('what a session of its own made there ends with it, also when its server was killed', () => {
  const { state, plan } = place()
  const { spec, remove } = plan({ access: 'none', ephemeral: true })
  const [{ host }] = spec.mounts
  writeFileSync(join(host, 'made'), '')
  const sweep = () => sweepPrivateWorkspaces(join(state, 'workspaces'), state)
  rest(host)
  sweep()
  expect(existsSync(join(host, 'made'))).toBe(true)
  remove()
  expect(existsSync(host)).toBe(false)

  const kept = plan({ access: 'none' })
  kept.remove()
  const [left] = kept.spec.mounts
  rest(left.host)
  const dead = join(state, 'workspaces', `ephemeral-4194304-1-${spec.name}`)
  mkdirSync(dead)
  // It may be of a server in another container, which is not seen here.
  sweep()
  expect(existsSync(dead)).toBe(true)
  rest(dead)
  mkdirSync(join(state, 'leases'))
  const lease = join(state, 'leases', `${spec.name}.4194304-1-000000000000`)
  writeFileSync(lease, '')
  sweep()
  expect(existsSync(dead)).toBe(true)
  rmSync(lease)
  const record = { agent: 'main', session: 'main', scopeKey: 's', workspace: dead }
  writeUse(state, spec.name, { ...record, usedMs: Date.now() - 3_600_000 })
  sweep()
  expect(existsSync(dead)).toBe(true)
  forgetSandbox(state, spec.name)
  sweep()
  expect([existsSync(dead), existsSync(left.host)]).toEqual([false, true])
})

test('what cannot be removed keeps nothing else, and ends no server', () => {
  const { base, state, plan } = place()
  const { spec, remove } = plan({ access: 'none', ephemeral: true })
  const workspaces = join(state, 'workspaces')
  const dead = (pid: number) => join(workspaces, `ephemeral-${pid}-1-${spec.name}`)
  const pids = Array.from({ length: 9 }, (_, at) => 4_194_304 + at)
  for (const pid of pids) mkdirSync(dead(pid))
  const [host, stuck] = [spec.mounts[0].host, dead(4_194_304)]
  for (const directory of [host, ...pids.map(dead)]) {
    mkdirSync(join(directory, 'closed'))
    if (directory !== host && directory !== stuck) continue
    writeFileSync(join(directory, 'closed', 'file'), '')
    chmodSync(join(directory, 'closed'), 0o500)
  }
  for (const pid of pids) rest(dead(pid))
  const told = vi.spyOn(console, 'error').mockImplementation(() => {})
  onTestFinished(() => {
    told.mockRestore()
    for (const one of [host, stuck]) chmodSync(join(one, 'closed'), 0o700)
  })
  asNobody(base, () => {
    sweepPrivateWorkspaces(workspaces, state)
    remove()
  })
  expect(
    readdirSync(workspaces)
      .map((key) => join(workspaces, key))
      .sort(),
  ).toEqual([host, stuck].sort())
  expect(told.mock.calls).toEqual([
    [expect.stringContaining(`"${host}" could not be removed: EACCES`)],
  ])
})

/** Root may remove anything. */
function asNobody(directory: string, run: () => void): void {
  const isRoot = process.getuid?.() === 0
  if (isRoot) execFileSync('chown', ['-R', '65534', directory])
  if (isRoot) process.seteuid?.(65_534)
  try {
    run()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

/** As if nothing had been made in it for two days. */
function rest(directory: string): void {
  const at = new Date(Date.now() - 48 * 3_600_000)
  utimesSync(directory, at, at)
}

test.each(['ro', 'none'] as const)(
  'with %s a project that holds the private workspace is refused',
  (access) => {
    const { project, plan } = place()
    const inside = join(project, 'state')
    mkdirSync(inside)
    expect(() => plan({ access }, inside)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(
          new RegExp(`"${inside}/workspaces/sbx-\\w+" and "${project}" overlap`),
        ),
      }),
    )
    expect(plan({}, inside).spec.mounts[0].host).toBe(project)
  },
)

test.each([
  ['/sandbox', '/sandbox'],
  ['/sandbox', '/sandbox/agent'],
  ['/agent/x', '/agent'],
])('OpenShell directories %s and %s are refused together', (workspace, agent) => {
  const { plan } = place()
  const settings = {
    backend: 'openshell',
    openshell: {
      ...openShellDefaults,
      mode: 'remote',
      remoteWorkspaceDir: workspace,
      remoteAgentWorkspaceDir: agent,
    },
  } as const
  expect(() => plan({ ...settings, access: 'ro' })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`"${workspace}" and "${agent}" overlap`),
    }),
  )
  expect(() => plan(settings)).not.toThrow()
})

test('ssh without a host is refused when it is needed, with the setting that is missing', async () => {
  const { plan } = place()
  const { choose } = makeSession(settingsWith({ backend: 'ssh' }), plan({}))
  await expect(choose(new AbortController().signal)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    hint: expect.stringContaining('ssh.target'),
  })
})

test.each(['docker', 'auto'] as const)(
  'with %s the workspace is where docker.workdir says',
  (backend) => {
    const { project, plan } = place()
    const docker = { ...settingsWith({}).docker, workdir: '/work' }
    expect(plan({ backend, docker }).spec.mounts).toEqual([
      { host: project, sandbox: '/work', writable: true },
    ])
    expect(plan({ backend: 'bubblewrap', docker }).spec.mounts[0].sandbox).toBe('/workspace')
  },
)

test('binds are mounts of the sandbox, and are told apart', () => {
  const { base, project, plan } = place()
  mkdirSync(join(project, 'data'))
  mkdirSync(join(base, 'outside'))
  const docker = { ...settingsWith({}).docker, binds: [`${project}/data:/data:ro`] }
  for (const backend of ['docker', 'auto'] as const) {
    const { spec, binds } = plan({ backend, docker })
    expect(spec.mounts).toEqual([
      { host: project, sandbox: '/workspace', writable: true },
      { host: join(project, 'data'), sandbox: '/data', writable: false },
    ])
    expect(binds).toEqual([spec.mounts[1]])
  }
  expect(plan({ docker, access: 'ro' }).spec.mounts.map(({ sandbox }) => sandbox)).toEqual([
    '/workspace',
    '/agent',
    '/data',
  ])
  for (const changes of [{ backend: 'bubblewrap' }, { mode: 'off' }] as const) {
    expect(plan({ ...changes, docker }).spec.mounts).toHaveLength(1)
  }
  for (const bind of [`${base}/outside:/x`, `${project}/data:/workspace`, '/etc:/x']) {
    expect(() => plan({ docker: { ...docker, binds: [bind] } })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', setting: 'docker.binds' }),
    )
  }
  // What its access keeps from the sandbox is no part of it.
  expect(() => plan({ docker, access: 'none' })).toThrow('is outside the workspace')
})

test('on the host the workspace has its own path, and all access', () => {
  const { project, plan } = place()
  const { spec, access } = plan({ mode: 'off', access: 'ro' })
  expect(spec.mounts).toEqual([{ host: project, sandbox: project, writable: true }])
  expect(access).toBe('rw')
})

test('private workspaces are where workspaceRoot says', () => {
  const { base, plan } = place()
  const workspaceRoot = join(base, 'elsewhere', 'deep')
  const { spec } = plan({ access: 'none', workspaceRoot })
  expect(spec.mounts[0].host).toBe(join(workspaceRoot, spec.name))
  const file = join(base, 'file')
  writeFileSync(file, '')
  expect(() => plan({ access: 'none', workspaceRoot: file })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(file) }),
  )
})
