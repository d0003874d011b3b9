/** Podman's Docker-compatible service: the suite of all backends, and what it wants differently. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connectEngine } from '../../src/backends/docker/connect.ts'
import { engineTraits } from '../../src/backends/docker/engine-traits.ts'
import { containerOptions } from '../../src/backends/docker/options.ts'
import { type DockerSettings, dockerDefaults } from '../../src/backends/docker/settings.ts'
import { DockerBackend } from '../../src/backends/docker.ts'
import { openGuard } from '../../src/guard/guard.ts'
import type { Mount } from '../../src/sandbox.ts'
import { describeBackend } from '../contract/backend.ts'
import { describeWhere, images } from '../support/available.ts'
import { DockerWorld } from '../support/docker-world.ts'
import { type PodmanService, startPodman } from '../support/podman-service.ts'

const never = new AbortController().signal

describeWhere('podman', 'podman', () => {
  let service: PodmanService
  beforeAll(async () => {
    service = await startPodman({
      http_proxy: 'http://me:hunter2@proxy.example:3128',
      NO_PROXY: 'internal.example',
    })
  }, 180_000)
  afterAll(() => service?.stop(), 60_000)

  const connect = (signal: AbortSignal) => {
    const { socketPath } = service
    return connectEngine(signal, [{ name: `unix://${socketPath}`, socketPath }])
  }

  describeBackend('podman, busybox image', async () => ({
    backend: new DockerBackend({ image: images.busybox }, connect),
    other: new DockerBackend({ image: images.busybox }, connect),
    end: async (sandbox) => (await connect(never)).remove(sandbox, never),
  }))

  describe('settings', () => {
    let world: DockerWorld
    beforeEach(() => {
      world = new DockerWorld(service.socketPath)
    })
    afterEach(() => world.close())

    test('it is hardened, and knows nothing of the proxies of the service', async () => {
      const sandbox = await world.open()
      const { HostConfig } = await world.inspect()
      expect(HostConfig).toMatchObject({
        Init: true,
        ReadonlyRootfs: true,
        NetworkMode: 'none',
        PidsLimit: 1024,
        Memory: 4 * 1024 ** 3,
        Privileged: false,
      })
      expect(await world.run(sandbox, 'touch /probe; echo $?')).toMatch(/^1\n.*Read-only/)
      expect(await world.run(sandbox, 'touch /run/probe /tmp/probe ~/probe; echo $?')).toBe('0\n')
      const env = await world.run(sandbox, 'env')
      expect(env).not.toContain('proxy.example')
      expect(env).not.toContain('internal.example')
    })

    test('a proxy that is set arrives', async () => {
      const sandbox = await world.open({ env: { http_proxy: 'http://proxy:1' } })
      expect(await world.run(sandbox, 'echo $http_proxy$NO_PROXY')).toBe('http://proxy:1\n')
    })

    test('a seccomp profile holds', async () => {
      const seccompProfile = join(world.directory, 'seccomp.json')
      const profile = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
      }
      writeFileSync(seccompProfile, JSON.stringify(profile))
      const sandbox = await world.open({ seccompProfile })
      expect(await world.run(sandbox, 'mkdir /tmp/x; echo $?')).toMatch(/^1\n.*not permitted/)
    })

    test('changed settings: an idle sandbox is rebuilt, one in use is kept', async () => {
      const guard = await openGuard(await world.open(), never)
      const { Id } = await world.inspect()
      const kept = await world.open({ pidsLimit: 99 })
      expect(kept.stale).toContain('is in use and keeps its old settings')
      await guard.close()
      const rebuilt = await world.open({ pidsLimit: 99 })
      expect(rebuilt.stale).toBeUndefined()
      expect((await world.inspect()).Id).not.toBe(Id)
      expect((await world.inspect()).HostConfig.PidsLimit).toBe(99)
    })

    test('a setup command runs once, also for servers that start at once', async () => {
      const settings = { setupCommand: 'echo x >>runs; sleep 1; echo ready >~/made' }
      const [sandbox] = await Promise.all([world.open(settings), world.open(settings)])
      expect(await world.run(sandbox, 'cat ~/made runs')).toBe('ready\nx\n')
      expect(await world.containers()).toEqual([world.spec.name])
    })

    test('a bind over its init process is refused', async () => {
      const settings = { binds: [`${world.host}:/run`] }
      await expect(world.open(settings)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('covers /run/podman-init'),
      })
    })
  })
})

describe('options for Podman', () => {
  const workspace: Mount = { host: '/project', sandbox: '/workspace', writable: true }
  const optionsOf = (
    settings: Partial<DockerSettings>,
    { version = '4.9.3', rootless = false, uid = 1000 } = {},
  ) =>
    containerOptions({
      spec: {
        name: 'sbx-aaaaaaaaaaaaaaa',
        installation: 'i',
        scopeKey: 's',
        agent: 'main',
        mounts: [workspace],
        owner: { uid, gid: uid },
      },
      settings: { ...dockerDefaults, ...settings },
      mounts: [workspace],
      traits: { selinux: false, podman: { version, rootless } },
    })

  test('without root, the users inside are those outside', () => {
    expect(optionsOf({}, { rootless: true }).HostConfig?.UsernsMode).toBe('keep-id')
    expect(optionsOf({}).HostConfig?.UsernsMode).toBeUndefined()
  })

  test('without root, nobody can be root inside', () => {
    for (const [settings, uid] of [
      [{}, 0],
      [{ user: '0:5' }, 1000],
      [{ user: '5:0' }, 1000],
    ] as const) {
      expect(() => optionsOf(settings, { rootless: true, uid })).toThrow(
        'is not to be had: Podman runs without root here',
      )
    }
  })

  test('a version that cannot do it says so', () => {
    expect(() => optionsOf({}, { rootless: true, version: '4.2.1' })).toThrow(
      'Podman 4.2.1 cannot map users without root',
    )
    expect(() => optionsOf({ gpus: 'all' })).toThrow('Podman 4.9.3 cannot pass GPUs on')
  })

  test('GPUs are asked for in the words it knows', () => {
    const ids = (gpus: string) =>
      optionsOf({ gpus }, { version: '5.2.0' }).HostConfig?.DeviceRequests?.[0]
    const request = (...names: string[]) => ({
      Driver: 'cdi',
      DeviceIDs: names.map((name) => `nvidia.com/gpu=${name}`),
    })
    expect(ids('all')).toEqual(request('all'))
    expect(ids('2')).toEqual(request('0', '1'))
    expect(ids('device=1,GPU-7')).toEqual(request('1', 'GPU-7'))
  })

  test('memory file systems have no owner, and none lies over its init', () => {
    expect(optionsOf({}).HostConfig?.Tmpfs).toEqual({
      '/home/sandbox': 'rw,nosuid,nodev,exec,mode=1777',
      '/tmp': 'rw,nosuid,nodev,exec,mode=1777',
      '/var/tmp': 'rw,nosuid,nodev,exec,mode=1777',
    })
    expect(optionsOf({ readOnlyRoot: false }).HostConfig?.Tmpfs).toHaveProperty('/run')
  })

  test('the engine is known by its answers', () => {
    const version = { Components: [{ Name: 'Podman Engine', Version: '5.1.0' }] }
    const info = { SecurityOptions: ['name=seccomp', 'name=rootless', 'name=selinux'] }
    expect(engineTraits(info, version)).toEqual({
      selinux: true,
      podman: { version: '5.1.0', rootless: true },
    })
    expect(engineTraits({}, { Components: [{ Name: 'Engine', Version: '27' }] })).toEqual({
      selinux: false,
      podman: undefined,
    })
  })
})
