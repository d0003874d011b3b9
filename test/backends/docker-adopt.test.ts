/** What becomes of a container that is there already. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { containerOptions } from '../../src/backends/docker/options.ts'
import { dockerDefaults } from '../../src/backends/docker/settings.ts'
import { DockerBackend } from '../../src/backends/docker.ts'
import { openGuard } from '../../src/guard/guard.ts'
import type { SandboxSpec } from '../../src/sandbox.ts'
import { runScript } from '../../src/scripts/script.ts'
import { describeWhere, images } from '../support/available.ts'

const never = new AbortController().signal

describeWhere('docker', 'docker: a container that is there already', () => {
  const docker = new Docker()
  const settings = { ...dockerDefaults, image: images.busybox }
  const backend = new DockerBackend(settings)
  const name = `sbx-${'adopt'.repeat(3)}`
  let spec: SandboxSpec
  let reports: string[]

  beforeEach(async () => {
    const host = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-adopt-')))
    spec = {
      name,
      installation: 'adopt',
      scopeKey: 'adopt',
      agent: 'main',
      mounts: [{ host, sandbox: '/workspace', writable: true }],
      owner: { uid: 0, gid: 0 },
    }
    reports = []
    await backend.remove(name, never)
  })
  afterEach(async () => {
    await backend.remove(name, never)
    rmSync(spec.mounts[0].host, { recursive: true })
  })

  const open = (with_ = backend) =>
    with_.open(spec, { signal: never, report: (line) => reports.push(line) })
  const optionsOf = (of: SandboxSpec) =>
    containerOptions({
      spec: of,
      settings,
      mounts: of.mounts,
      traits: { selinux: false, podman: undefined },
    })
  const idOf = async () => (await docker.getContainer(name).inspect()).Id
  const run = async (script: string, with_ = backend) => {
    const sandbox = await open(with_)
    try {
      return (await runScript(sandbox, script, undefined, never)).stdout.toString()
    } finally {
      await sandbox.close()
    }
  }

  test('half-made: it is started', async () => {
    await docker.createContainer(optionsOf(spec))
    const id = await idOf()
    expect(await run('echo up')).toBe('up\n')
    expect(await idOf()).toBe(id)
  })

  test('stopped: it is started', async () => {
    await run('true')
    const id = await idOf()
    await docker.getContainer(name).stop({ t: 0 })
    expect(await run('echo up')).toBe('up\n')
    expect(await idOf()).toBe(id)
  })

  test('paused: it goes on', async () => {
    await run('true')
    const id = await idOf()
    await docker.getContainer(name).pause()
    expect(await run('echo up')).toBe('up\n')
    expect(await idOf()).toBe(id)
  })

  test('paused while it is open: it goes on with what is started next', async () => {
    const sandbox = await open()
    await docker.getContainer(name).pause()
    const one = () => runScript(sandbox, 'echo goes on', undefined, never)
    const told = (await Promise.all([one(), one(), one()])).map(({ stdout }) => stdout.toString())
    expect(told).toEqual(Array(3).fill('goes on\n'))
    await sandbox.close()
  })

  test('paused: two servers at once make it go on', async () => {
    for (let i = 0; i < 5; i++) {
      await run('true')
      const id = await idOf()
      await docker.getContainer(name).pause()
      expect(await Promise.all([run('echo one'), run('echo two')])).toEqual(['one\n', 'two\n'])
      expect(await idOf()).toBe(id)
    }
  })

  test('paused, with other settings and something in it: it goes on and is kept', async () => {
    const container = docker.getContainer(name)
    await run('true')
    const exec = await container.exec({ Cmd: ['sleep', '300'], AttachStdout: true })
    await exec.start({})
    // An engine that pauses while it starts something waits for ever.
    const inside = async () => JSON.stringify((await container.top()).Processes)
    await expect.poll(inside).toContain('sleep 300')
    const id = await idOf()
    await container.pause()
    const again = await open(new DockerBackend({ ...settings, pidsLimit: 99 }))
    expect([again.stale, await idOf()]).toEqual([expect.stringContaining('is in use'), id])
    await again.close()
  })

  test('not made by us: it is refused and left alone', async () => {
    const made = await docker.createContainer({ Image: images.busybox, name, Cmd: ['true'] })
    await expect(open()).rejects.toMatchObject({
      code: 'SANDBOX_START_FAILED',
      message: expect.stringContaining('is not a sandbox of this server'),
      hint: expect.stringContaining(`docker rm -f ${name}`),
    })
    expect(await idOf()).toBe(made.id)
  })

  test('made with other settings and idle: it is rebuilt, and that is said', async () => {
    await run('true')
    const id = await idOf()
    const other = new DockerBackend({ ...settings, pidsLimit: 99 })
    expect(
      await run('cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null', other),
    ).toBe('99\n')
    expect(await idOf()).not.toBe(id)
    expect(reports).toContain(`rebuilding sandbox ${name}: its settings changed`)
  })

  test('made with other settings and in use: it is kept, and that is said', async () => {
    const sandbox = await open()
    const guard = await openGuard(sandbox, never)
    const id = await idOf()
    const again = await open(new DockerBackend({ ...settings, pidsLimit: 99 }))
    expect(await idOf()).toBe(id)
    expect(again.stale).toBe(
      `Sandbox ${name} is in use and keeps its old settings; "sandbox-mcp recreate --session adopt" applies the new ones.`,
    )
    expect(reports).toContain(again.stale)
    await again.close()
    await guard.close()
    await sandbox.close()
  })

  test('made with other mounts: it is said which', async () => {
    const extra = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-extra-')))
    const other = new DockerBackend({
      ...settings,
      binds: [`${extra}:/extra`],
      dangerouslyAllowExternalBindSources: true,
    })
    await run('true')
    await run('true', other)
    const sandbox = await open(other)
    const guard = await openGuard(sandbox, never)
    const kept = await open()
    expect(kept.stale).toContain(
      `keeps its old settings (what is mounted changed: "${extra}" no longer at "/extra"); "`,
    )
    for (const one of [kept, guard, sandbox]) await one.close()
    await run('true')
    const rebuilding = `rebuilding sandbox ${name}: what is mounted changed:`
    expect(reports.filter((line) => line.startsWith('rebuilding'))).toEqual([
      `${rebuilding} "${extra}" is to be at "/extra" now`,
      `${rebuilding} "${extra}" no longer at "/extra"`,
    ])
    rmSync(extra, { recursive: true })
  })

  test('it is hardened', async () => {
    await run('true')
    const { HostConfig, Config } = await docker.getContainer(name).inspect()
    expect(HostConfig).toMatchObject({
      Init: true,
      ReadonlyRootfs: true,
      NetworkMode: 'none',
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: 1024,
      Memory: 4 * 1024 ** 3,
      Privileged: false,
    })
    expect(Config.User).toBe('0:0')
    expect(await run('touch /probe 2>&1; echo $?; touch /usr/probe 2>&1; echo $?')).toMatch(
      /Read-only file system\n1\n.*Read-only file system\n1\n/,
    )
  })

  test('with another directory than the workspace: it is refused while it is in use', async () => {
    const elsewhere = { ...spec.mounts[0], host: realpathSync(tmpdir()) }
    const made = await docker.createContainer({
      ...optionsOf({ ...spec, mounts: [elsewhere] }),
      Labels: optionsOf(spec).Labels ?? {},
    })
    await made.start()
    const exec = await made.exec({ Cmd: ['sleep', '300'], AttachStdout: true })
    await exec.start({})
    await expect(open()).rejects.toMatchObject({
      code: 'SANDBOX_START_FAILED',
      message: expect.stringContaining('mounted another directory at /workspace'),
    })
    expect(await idOf()).toBe(made.id)
  })

  test('with a workspace that was replaced since, and idle: it is rebuilt', async () => {
    const [{ host }] = spec.mounts
    await run('true')
    const id = await idOf()
    renameSync(host, `${host}-old`)
    mkdirSync(host)
    expect(await run('touch /workspace/new && echo made')).toBe('made\n')
    expect(existsSync(join(host, 'new'))).toBe(true)
    expect(await idOf()).not.toBe(id)
    rmSync(`${host}-old`, { recursive: true })
  })

  test('with a workspace that was replaced since: two servers at once rebuild it', async () => {
    const [{ host }] = spec.mounts
    for (let i = 0; i < 6; i++) {
      await run('true')
      renameSync(host, `${host}-old`)
      mkdirSync(host)
      expect(await Promise.all([run('echo one'), run('echo two')])).toEqual(['one\n', 'two\n'])
      rmSync(`${host}-old`, { recursive: true })
    }
  })
})
