/** A server in a container, with the engine that runs it: what it calls a directory the host calls otherwise. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { candidates, hostPath } from '../../src/backends/docker/own-container.ts'
import { makePlan } from '../../src/backends/docker/plan.ts'
import { dockerDefaults } from '../../src/backends/docker/settings.ts'
import { describeWhere } from '../support/available.ts'
import { DockerWorld } from '../support/docker-world.ts'
import { type ServerContainer, startServerContainer } from '../support/mcp-container.ts'

const never = new AbortController().signal
const id = (digit: string) => digit.repeat(64)

describe('which containers this process may be in', () => {
  const none = { cgroup: '0::/\n', mountinfo: '', hostname: 'laptop', marked: false }

  test('none, on a host; also when it runs containers of its own', () => {
    expect(candidates(none)).toEqual([])
    const mountinfo = `
31 23 0:28 / /var/lib/docker/overlay2/${id('a')}/merged rw - overlay overlay rw
32 23 0:29 / /var/lib/docker/containers/${id('b')}/mounts/shm rw - tmpfs shm rw
33 23 8:1 /etc/hostname /etc/hostname rw - ext4 /dev/sda1 rw`
    expect(candidates({ ...none, cgroup: '1:cpu:/user.slice\n', mountinfo })).toEqual([])
  })

  test('the one that its control group names', () => {
    expect(candidates({ ...none, cgroup: `1:cpu:/docker/${id('a')}\n0::/\n` })[0]).toBe(id('a'))
    const scope = `0::/system.slice/docker-${id('b')}.scope\n`
    expect(candidates({ ...none, cgroup: scope })[0]).toBe(id('b'))
    const podman = `0::/machine.slice/libpod-${id('c')}.scope/container\n`
    expect(candidates({ ...none, cgroup: podman })[0]).toBe(id('c'))
  })

  test('the one whose files are mounted in /etc', () => {
    const docker = `720 700 254:0 /var/lib/docker/containers/${id('a')}/hostname /etc/hostname rw - ext4 /dev/vda rw`
    expect(candidates({ ...none, mountinfo: docker })[0]).toBe(id('a'))
    const podman = `720 700 0:25 /containers/storage/overlay-containers/${id('b')}/userdata/resolv.conf /etc/resolv.conf rw - tmpfs tmpfs rw`
    expect(candidates({ ...none, mountinfo: podman })[0]).toBe(id('b'))
  })

  test('the one of its host name, where an engine left its mark', () => {
    expect(candidates({ ...none, hostname: '0123456789ab', marked: true })).toEqual([
      '0123456789ab',
    ])
  })
})

describe('what the host calls a path', () => {
  const own = {
    id: id('a'),
    mounts: [
      { type: 'bind', source: '/home/me/app', destination: '/app' },
      { type: 'bind', source: '/srv/deep', destination: '/app/deep' },
      { type: 'volume', source: '/var/lib/docker/volumes/state/_data', destination: '/state' },
      { type: 'tmpfs', source: '', destination: '/app/memory' },
    ],
  }
  const refused = (path: string) => {
    try {
      return hostPath(path, own)
    } catch (error) {
      return (error as Error).message
    }
  }

  test('follows from the innermost mount', () => {
    expect(hostPath('/app', own)).toBe('/home/me/app')
    expect(hostPath('/app/a/b', own)).toBe('/home/me/app/a/b')
    expect(hostPath('/app/deep/x', own)).toBe('/srv/deep/x')
    const whole = { ...own, mounts: [{ type: 'bind', source: '/', destination: '/host' }] }
    expect(hostPath('/host/etc', whole)).toBe('/etc')
    expect(hostPath('/host', whole)).toBe('/')
  })

  test('is not to be had in volumes, memory and our own root, and the mapping is shown', () => {
    const mapping =
      '/app = /home/me/app, /app/deep = /srv/deep, /state = (volume), /app/memory = (tmpfs)'
    expect(refused('/state/x')).toContain('is in its volume /state')
    expect(refused('/app/memory/x')).toContain('is in its tmpfs /app/memory')
    expect(refused('/workshop')).toContain('is in its own file system')
    for (const path of ['/state', '/app/memory', '/']) expect(refused(path)).toContain(mapping)
  })
})

describe('what a server in a container mounts', () => {
  const workspace = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-own-')))
  const data = join(workspace, 'data')
  mkdirSync(data)
  afterAll(() => rmSync(workspace, { recursive: true }))

  const planFor = (sourceOfData: string) =>
    makePlan(
      {
        name: 'sbx-aaaaaaaaaaaaaaa',
        installation: 'i',
        scopeKey: 's',
        agent: 'main',
        mounts: [{ host: workspace, sandbox: '/workspace', writable: true }],
        owner: { uid: 7, gid: 8 },
      },
      { ...dockerDefaults, binds: [`${data}:/data:ro`] },
      {
        traits: { selinux: false, podman: undefined },
        own: {
          id: id('a'),
          mounts: [
            { type: 'bind', source: '/root/project', destination: workspace },
            { type: 'bind', source: sourceOfData, destination: data },
          ],
        },
      },
    )

  test('is the directories of the host; files are still looked for under our own names', () => {
    const { options, spec } = planFor('/srv/data')
    expect(options.HostConfig?.Mounts).toEqual([
      { Type: 'bind', Source: '/root/project', Target: '/workspace', ReadOnly: false },
      { Type: 'bind', Source: '/srv/data', Target: '/data', ReadOnly: true },
    ])
    expect(spec.mounts.map(({ host }) => host)).toEqual([workspace, data])
  })

  test('is held to the rules for binds by the names of the host too', () => {
    expect(() => planFor('/etc/ssl')).toThrow(
      'is refused: its source is /etc/ssl on the host, which is in /etc',
    )
  })
})

describeWhere('docker', 'docker: a server in a container', () => {
  let world: DockerWorld
  const servers: ServerContainer[] = []
  const start = async (binds: readonly string[], workspace: string) => {
    const server = await startServerContainer(binds, workspace)
    servers.push(server)
    return server
  }
  beforeEach(() => {
    world = new DockerWorld()
  })
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      const sandbox = await server.sandbox
      await server.close()
      await world.backend().remove(sandbox, never)
    }
    await world.close()
  })

  test('mounts the directory of the host, under the path it has there', async () => {
    const server = await start([`${world.host}:/project`], '/project')
    expect(await server.exec('pwd; echo made inside >made; cat made')).toContain('made inside')
    expect(readFileSync(join(world.host, 'made'), 'utf8')).toBe('made inside\n')
    expect(statSync(join(world.host, 'made'))).toMatchObject(world.spec.owner)
    const { Mounts } = await world.inspect(await server.sandbox)
    expect(Mounts.find(({ Destination }) => Destination === '/workspace')?.Source).toBe(world.host)
  })

  test('refuses what the host has no path for, and shows what its own mounts are', async () => {
    for (const [binds, workspace, place] of [
      [[], '/srv', 'is in its own file system'],
      [[], '/memory', 'is in its tmpfs /memory'],
      [[`${world.spec.name}:/project`], '/project', 'is in its volume /project'],
    ] as const) {
      const server = await start(binds, workspace)
      const answer = await server.exec('true')
      expect(answer).toContain('this server runs in container')
      expect(answer).toContain(place)
      expect(answer).toContain('/var/run/docker.sock = ')
      expect(answer).toContain('-v /directory/on/the/host:/project')
      await server.close()
    }
    await world.docker.getVolume(world.spec.name).remove({ force: true })
  })
})
