/** Each key of the settings, in the container that the engine made, or in the refusal. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkSettings } from '../../src/backends/docker/check-settings.ts'
import { containerOptions } from '../../src/backends/docker/options.ts'
import { type DockerSettings, dockerDefaults } from '../../src/backends/docker/settings.ts'
import { thisProcess } from '../../src/process-identity.ts'
import type { SandboxSpec } from '../../src/sandbox.ts'
import { describeWhere } from '../support/available.ts'
import { DockerWorld } from '../support/docker-world.ts'
import { hastyShells } from '../support/local-sandbox.ts'

const gib = 1024 ** 3

describe('a value that cannot be used is refused with its key and a fix', () => {
  const refusals: [Partial<DockerSettings>, string, string][] = [
    [{ network: 'host' }, 'docker.network "host" is refused', 'Use none, bridge'],
    [{ network: ' HOST ' }, "it is the host's own network", 'Use none'],
    [{ network: 'container:db' }, "another container's network", 'ContainerNamespaceJoin'],
    [{ network: 'ns:/proc/1/ns/net' }, 'is not a network', 'Use none'],
    [{ network: '' }, 'docker.network "" is not a network', 'Use none'],
    [{ seccompProfile: 'unconfined' }, 'docker.seccompProfile "unconfined" is refused', 'name'],
    [{ seccompProfile: 'my.json' }, 'is not an absolute path', 'full path'],
    [{ apparmorProfile: 'Unconfined ' }, 'docker.apparmorProfile', 'Leave the key out'],
    [{ apparmorProfile: 'a b' }, 'is no profile', 'aa-status'],
    [{ memory: '12x' }, 'docker.memory "12x" is not an amount of memory', '"512m"'],
    [{ memory: -1 }, 'docker.memory "-1" is not an amount', '"512m"'],
    [{ memory: '5m' }, 'is less than 6 MiB', 'Give it more'],
    [{ memory: 0.5 }, 'docker.memory "0.5" is less than 6 MiB', 'Give it more'],
    [{ memory: '2g', memorySwap: '1g' }, 'docker.memorySwap "1g" is less than the memory', '-1'],
    [{ memory: 0, memorySwap: '1g' }, 'needs a limit of the memory too', 'docker.memory'],
    [{ pidsLimit: 1.5 }, 'docker.pidsLimit "1.5" is not a whole number', '256'],
    [{ cpus: -2 }, 'docker.cpus "-2" is not a number of processors', '1.5'],
    [{ cpus: Number.NaN }, 'docker.cpus "null"', '1.5'],
    [{ gpus: 'two' }, 'docker.gpus "two" is no choice of GPUs', 'device=0,1'],
    [{ ulimits: { files: 9 } }, 'names no limit of the kernel', 'nofile'],
    [{ ulimits: { nofile: 'many' } }, 'is no limit', 'soft:hard'],
    [{ ulimits: { nofile: { soft: 9, hard: 8 } } }, 'soft limit above the hard one', 'Raise'],
    [{ ulimits: { nofile: '-1:8' } }, 'soft limit above the hard one', 'Raise'],
    [{ user: 'me and you' }, 'docker.user "me and you" is not a user', 'uid:gid'],
    [{ user: '4294967295' }, 'is not a user', 'uid:gid'],
    [{ user: '99999999999' }, 'is not a user', 'uid:gid'],
    [{ user: '' }, 'docker.user "" is not a user', 'uid:gid'],
    [{ capDrop: ['ALL; rm'] }, 'docker.capDrop "ALL; rm" is no capability', 'NET_RAW'],
    [{ env: { 'A=B': 'x' } }, 'docker.env "A=B" is not the name of a variable', 'letters'],
    [{ env: { A: 'secret\0' } }, 'docker.env "A" has a NUL byte', 'No variable'],
    [{ dns: ['dns.example'] }, 'docker.dns "dns.example" is not an IP address', '1.1.1.1'],
    [{ extraHosts: ['db'] }, 'docker.extraHosts "db" is not "name:address"', 'db.internal'],
    [{ extraHosts: ['db:nowhere'] }, 'is not "name:address"', 'db.internal'],
    [{ tmpfs: ['tmp'] }, 'docker.tmpfs "tmp" has no absolute path', '/tmp:size=1g'],
    [{ tmpfs: ['/'] }, 'has no absolute path', '/tmp'],
    [{ tmpfs: ['/tmp:shared'] }, 'has an unknown option "shared"', 'size='],
    [{ tmpfs: ['/workspace/cache'] }, 'is in the workspace', 'outside the workspace'],
    [{ workdir: 'work' }, 'docker.workdir "work" is no place', '/workspace'],
    [{ workdir: '/proc/self' }, 'is no place for the workspace', '/workspace'],
    [{ workdir: '/a/../b' }, 'is no place for the workspace', '/workspace'],
    [{ image: '--privileged' }, 'is not the name of an image', 'debian'],
    [{ image: 'https://acme.org/tools' }, 'is not the name of an image', 'debian'],
    [{ platform: 'arm64' }, 'docker.platform "arm64" is not a platform', 'linux/amd64'],
    [
      {
        network: 'container:db',
        dangerouslyAllowContainerNamespaceJoin: true,
        dns: ['1.1.1.1'],
      },
      "leaves no names of one's own",
      'docker.dns',
    ],
  ]
  test.each(refusals)('%j', (settings, message, hint) => {
    let error: unknown
    try {
      checkSettings({ ...dockerDefaults, ...settings })
    } catch (caught) {
      error = caught
    }
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    })
    expect((error as Error).message).not.toContain('secret')
  })
})

describe('what the container is made from', () => {
  const optionsOf = (settings: Partial<DockerSettings>, more: Partial<SandboxSpec> = {}) =>
    containerOptions({
      spec: {
        name: 'sbx-aaaaaaaaaaaaaaa',
        installation: 'i',
        scopeKey: 's',
        agent: 'main',
        mounts: [{ host: '/project', sandbox: '/workspace', writable: true }],
        owner: { uid: 7, gid: 8 },
        ...more,
      },
      settings: { ...dockerDefaults, ...settings },
      mounts: [{ host: '/project', sandbox: '/workspace', writable: true }],
      traits: { selinux: false, podman: undefined },
    })
  const hostConfig = (settings: Partial<DockerSettings>) => optionsOf(settings).HostConfig ?? {}

  test.each([
    [undefined, 4 * gib],
    ['512m', gib / 2],
    ['1.5G', 1.5 * gib],
    ['2 GiB', 2 * gib],
    ['8388608', 8388608],
    ['65536kb', gib / 16],
    [0, 0],
  ])('memory %s', (memory, bytes) => {
    const given = memory === undefined ? {} : { memory }
    expect(hostConfig(given)).toMatchObject({ Memory: bytes, MemorySwap: bytes })
  })

  test('swap is counted with the memory, as Docker counts it', () => {
    expect(hostConfig({ memory: '1g', memorySwap: '3g' }).MemorySwap).toBe(3 * gib)
    expect(hostConfig({ memory: '1g', memorySwap: -1 }).MemorySwap).toBe(-1)
    expect(hostConfig({ memory: '1g', memorySwap: '-1' }).MemorySwap).toBe(-1)
    expect(hostConfig({ memory: '1g', memorySwap: 0 }).MemorySwap).toBe(gib)
  })

  test('gpus, as the command line of Docker writes them', () => {
    const request = (gpus: string) => hostConfig({ gpus }).DeviceRequests?.[0]
    expect(request('all')).toMatchObject({ Count: -1, Capabilities: [['gpu']] })
    expect(request('2')).toMatchObject({ Count: 2 })
    expect(request('"device=0,GPU-3a23"')).toMatchObject({ DeviceIDs: ['0', 'GPU-3a23'] })
  })

  test('a profile of AppArmor, and the text of a seccomp profile', () => {
    expect(hostConfig({ apparmorProfile: 'docker-default' }).SecurityOpt).toEqual([
      'no-new-privileges',
      'apparmor=docker-default',
    ])
  })

  test('home is its user\u2019s, and open where only the image knows the user', () => {
    expect(hostConfig({}).Tmpfs?.['/home/sandbox']).toContain('uid=7,gid=8,mode=0755')
    expect(hostConfig({ user: '5' }).Tmpfs?.['/home/sandbox']).toContain('uid=5,mode=0755')
    expect(hostConfig({ user: 'node' }).Tmpfs?.['/home/sandbox']).toContain('mode=1777')
  })

  test('the environment is what is set, and a home', () => {
    expect(optionsOf({}).Env).toEqual(['HOME=/home/sandbox', 'LANG=C.UTF-8'])
    expect(optionsOf({ env: { HOME: '/tmp' } }).Env).toEqual(['HOME=/tmp'])
  })

  test.each(Object.entries(hastyShells()))(
    'one that ends with its server waits for that, where `read` has a limit from %s',
    async (_origin, { shell, path, env }) => {
      const [script = ''] = optionsOf({}, { ephemeral: { pid: 1, started: '' } }).Cmd ?? []
      const feed = '{ sleep 0.3; echo server >&2; } | { "$0" -c "$1"; echo container >&2; }'
      const options = { env: { ...env, PATH: path }, extendEnv: false }
      const { stderr } = await execa('/bin/sh', ['-c', feed, shell, script], options)
      expect(stderr).toBe('server\ncontainer')
    },
  )

  test('every key changes the hash', () => {
    const hash = (settings: Partial<DockerSettings>) =>
      optionsOf(settings).Labels?.['sandbox-mcp.config']
    const changes: Partial<DockerSettings>[] = [
      {},
      { image: 'x' },
      { network: 'bridge' },
      { readOnlyRoot: false },
      { tmpfs: ['/tmp'] },
      { user: '1:1' },
      { capDrop: [] },
      { env: {} },
      { setupCommand: 'true' },
      { pidsLimit: 5 },
      { memory: '1g' },
      { memorySwap: '9g' },
      { cpus: 1 },
      { gpus: 'all' },
      { ulimits: { nofile: 9 } },
      { apparmorProfile: 'x' },
      { dns: ['1.1.1.1'] },
      { extraHosts: ['a:1.1.1.1'] },
      { platform: 'linux/amd64' },
    ]
    const hashes = changes.map(hash)
    expect(new Set(hashes).size).toBe(changes.length)
    expect(hash({ memory: '4g' })).toBe(hash({}))
    expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/)
  })
})

describeWhere('docker', 'docker: settings in a container', () => {
  let world: DockerWorld
  beforeEach(() => {
    world = new DockerWorld()
  })
  afterEach(() => world.close())

  test('limits, names and file systems arrive', async () => {
    const sandbox = await world.open({
      tmpfs: ['/tmp:size=64m', '/cache'],
      user: '4321:4322',
      capDrop: ['NET_RAW', 'MKNOD'],
      env: { GREETING: "it's $HOME", TWO_LINES: 'a\nb' },
      pidsLimit: 77,
      memory: '256m',
      memorySwap: '256m',
      cpus: 0.5,
      ulimits: { nofile: '100:200', fsize: '1048576:2097152', core: 0 },
      dns: ['192.0.2.53'],
      extraHosts: ['db.internal:192.0.2.7'],
      readOnlyRoot: false,
    })
    const { HostConfig, Config } = await world.inspect()
    expect(HostConfig).toMatchObject({
      ReadonlyRootfs: false,
      NetworkMode: 'none',
      CapDrop: ['NET_RAW', 'MKNOD'],
      PidsLimit: 77,
      Memory: 256 * 1024 ** 2,
      MemorySwap: 256 * 1024 ** 2,
      NanoCpus: 5e8,
      Dns: ['192.0.2.53'],
      ExtraHosts: ['db.internal:192.0.2.7'],
      SecurityOpt: ['no-new-privileges'],
      Ulimits: expect.arrayContaining([
        { Name: 'nofile', Soft: 100, Hard: 200 },
        { Name: 'fsize', Soft: 1048576, Hard: 2097152 },
        { Name: 'core', Soft: 0, Hard: 0 },
      ]),
    })
    expect(Object.keys(HostConfig.Tmpfs ?? {}).sort()).toEqual(['/cache', '/home/sandbox', '/tmp'])
    expect(Config.User).toBe('4321:4322')
    // A runc before 1.1.13 sets an exec's limit of open files at any moment, also while the Go in it raises the soft
    // one to the hard one (opencontainers/runc#4195). So that soft and hard arrive is told by another.
    expect(
      await world.run(sandbox, 'id -u; id -g; ulimit -Hn; ulimit -Sf; ulimit -Hf; ulimit -c'),
    ).toBe('4321\n4322\n200\n2048\n4096\n0\n')
    expect(await world.run(sandbox, 'printf "%s|%s" "$GREETING" "$TWO_LINES"')).toBe(
      "it's $HOME|a\nb",
    )
    expect(await world.run(sandbox, 'touch ~/a /cache/b /tmp/c && echo written')).toBe('written\n')
    expect(await world.run(sandbox, 'df -m /tmp | tail -n 1')).toMatch(/\s64\s/)
    expect(await world.run(sandbox, 'grep db.internal /etc/hosts')).toContain('192.0.2.7')
  })

  test('the workspace is where workdir says', async () => {
    const mounts = [{ host: world.host, sandbox: '/srv/project', writable: true }] as const
    const sandbox = await world.open({ workdir: '/srv/project' }, { mounts })
    expect(sandbox.root).toBe('/srv/project')
    expect(await world.run(sandbox, 'pwd; touch here')).toBe('/srv/project\n')
    await expect(world.open({}, { mounts })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      hint: 'Set docker.workdir to /srv/project.',
    })
  })

  test('no limit is no limit', async () => {
    await world.open({ pidsLimit: 0, memory: 0 })
    const { HostConfig } = await world.inspect()
    expect(HostConfig.Memory).toBe(0)
    expect(HostConfig.PidsLimit ?? -1).toBeLessThanOrEqual(0)
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
    const { HostConfig } = await world.inspect()
    expect(HostConfig.SecurityOpt).toEqual([
      'no-new-privileges',
      expect.stringMatching(/^seccomp={/),
    ])

    writeFileSync(seccompProfile, '{')
    await expect(world.open({ seccompProfile })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('cannot be used'),
    })
  })

  test("another container's network is joined only where that is allowed", async () => {
    const other = await world.docker.createContainer({
      Image: 'sandbox-mcp-test/busybox:1',
      Cmd: ['sleep', '300'],
      HostConfig: { NetworkMode: 'none' },
    })
    try {
      await other.start()
      const network = `container:${other.id}`
      const sandbox = await world.open({ network, dangerouslyAllowContainerNamespaceJoin: true })
      const { State } = await other.inspect()
      const own = await world.inspect()
      expect(own.HostConfig.NetworkMode).toBe(network)
      expect(State.Running).toBe(true)
      expect(await world.run(sandbox, 'echo up')).toBe('up\n')
    } finally {
      await other.remove({ force: true })
    }
  })

  test("the host's network is refused under its id too, and one that is not there is named", async () => {
    const { Id } = await world.docker.getNetwork('host').inspect()
    await expect(world.open({ network: Id })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining("it is the host's own network"),
    })
    await expect(world.open({ network: 'nowhere' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('docker.network "nowhere" is not a network of'),
      hint: expect.stringContaining('docker network create nowhere'),
    })
    expect(await world.containers()).toEqual([])
  })

  test('what the engine cannot give leaves nothing behind', async () => {
    for (const settings of [{ cpus: 4000 }, { user: 'nobody-of-that-name' }]) {
      await expect(world.open(settings)).rejects.toMatchObject({
        code: 'SANDBOX_START_FAILED',
        message: expect.stringContaining('could not be started'),
      })
      expect(await world.containers()).toEqual([])
    }
  })

  test('a container in which no sh can be run is told as such, and leaves nothing behind', async () => {
    for (const change of [{}, { ephemeral: thisProcess() }]) {
      await expect(world.open({ env: { PATH: '/nowhere' } }, change)).rejects.toMatchObject({
        code: 'SANDBOX_START_FAILED',
        message: expect.stringMatching(
          /^a container from ".*" ended at its start.*: "sh" cannot be run in it$/,
        ),
      })
      await expect.poll(() => world.containers()).toEqual([])
    }
  })

  test.each(['Acme/Tools', 'acme:1:2'])(
    '%s is told not to be the name of an image',
    async (image) => {
      await expect(world.open({ image })).rejects.toMatchObject({
        code: expect.stringMatching(/CONFIG_INVALID|SANDBOX_START_FAILED/),
        message: expect.stringContaining(`image "${image}" is not`),
      })
    },
  )

  test('an image for another machine is not taken for the one that is asked for', async () => {
    const foreign = process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64'
    await expect(world.open({ platform: foreign })).rejects.toMatchObject({
      code: 'SANDBOX_START_FAILED',
      message: expect.stringContaining(
        `is not on this machine for ${foreign} and could not be pulled`,
      ),
    })
    const own = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64'
    const sandbox = await world.open({ platform: own })
    expect(await world.run(sandbox, 'echo up')).toBe('up\n')
  }, 120_000)

  test('a variable that looks like a secret is passed on, with a warning', async () => {
    const sandbox = await world.open({ env: { API_TOKEN: 'hunter2', NAME: 'x' } })
    expect(await world.run(sandbox, 'echo $API_TOKEN')).toBe('hunter2\n')
    const warnings = world.reports.filter((line) => line.includes('secret'))
    expect(warnings).toEqual([
      'docker.env API_TOKEN looks like a secret; every command in the sandbox can read it',
    ])
  })
})
