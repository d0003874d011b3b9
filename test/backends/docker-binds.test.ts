/** Which binds are refused, by which rule, and that the others are there for commands. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseBinds, withBinds } from '../../src/backends/docker/bind-rules.ts'
import { thisHost } from '../../src/backends/docker/host-files.ts'
import { makeMountPoints } from '../../src/backends/docker/mount-points.ts'
import { readOnlyBelow } from '../../src/backends/docker/nested-mounts.ts'
import { type DockerSettings, dockerDefaults } from '../../src/backends/docker/settings.ts'
import type { Mount } from '../../src/sandbox.ts'
import { describeWhere } from '../support/available.ts'
import { DockerWorld } from '../support/docker-world.ts'

const isRoot = process.getuid?.() === 0
let directory: string
let workspace: Mount
let home: string

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-mcp-binds-')))
  workspace = { host: join(directory, 'workspace'), sandbox: '/workspace', writable: true }
  home = join(directory, 'home')
  for (const name of ['workspace/data', 'home/.ssh', 'home/notes', 'outside']) {
    mkdirSync(join(directory, name), { recursive: true })
  }
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const parse = (
  binds: readonly string[],
  settings: Partial<DockerSettings> = {},
  managed: readonly Mount[] = [workspace],
) => parseBinds({ ...dockerDefaults, ...settings, binds }, managed, thisHost({ HOME: home }, home))

const external = { dangerouslyAllowExternalBindSources: true }
const all = { ...external, dangerouslyAllowReservedContainerTargets: true }

describe('a bind', () => {
  test('of the workspace is a mount: writable, or read-only', () => {
    const data = join(workspace.host, 'data')
    expect(
      parse([
        `${data}:/data`,
        `${data}:/fixed/:ro`,
        `${data}/../data:/too:rw,Z`,
        `${data}:/c:cached`,
      ]),
    ).toEqual([
      { host: data, sandbox: '/data', writable: true },
      { host: data, sandbox: '/fixed', writable: false },
      { host: data, sandbox: '/too', writable: true },
      { host: data, sandbox: '/c', writable: true },
    ])
  })

  test('counts by where its links lead', () => {
    symlinkSync(join(workspace.host, 'data'), join(directory, 'link'))
    expect(parse([`${directory}/link:/data`])).toEqual([
      { host: join(workspace.host, 'data'), sandbox: '/data', writable: true },
    ])
  })

  test('of two with one target the last is mounted', () => {
    const mounts = parse([`${workspace.host}:/data`, `${workspace.host}/data:/data:ro`])
    expect(mounts).toEqual([
      { host: join(workspace.host, 'data'), sandbox: '/data', writable: false },
    ])
  })

  test('takes the place of a mount with its target, and comes after all others', () => {
    const binds = parse(
      [`${directory}/outside:/workspace/out`, `${directory}/outside:/agent:ro`],
      all,
    )
    const agent: Mount = { host: workspace.host, sandbox: '/agent', writable: false }
    expect(withBinds([workspace, agent], binds).map(({ sandbox }) => sandbox)).toEqual([
      '/workspace',
      '/agent',
      '/workspace/out',
    ])
    expect(withBinds([workspace, agent], binds)[1]?.host).toBe(join(directory, 'outside'))
  })

  test('that is among the mounts already passes again', () => {
    const text = `${directory}/outside:/data`
    const merged = withBinds([workspace], parse([text], external))
    expect(parse([text], external, merged)).toEqual(merged.slice(1))
    expect(() => parse([text], {}, merged)).toThrow('outside the workspace')
  })
})

describe('a bind is refused with its rule, and the key that allows it if one does', () => {
  const refused = (bind: string, settings: Partial<DockerSettings> = {}) => {
    try {
      return parse([bind], settings)
    } catch (error) {
      const { code, message, hint } = error as { code: string; message: string; hint: string }
      return `${code}: ${message} | ${hint}`
    }
  }
  const blocked = 'no setting allows this one'

  test.each([
    ['/:/x', 'is the root of the file system'],
    ['//:/x', 'is the root of the file system'],
    ['/etc:/x', 'is in /etc'],
    ['/etc/ssl/certs:/x:ro', 'is in /etc'],
    ['/usr/../etc/passwd:/x', 'is in /etc'],
    ['/proc/1/root:/x', 'is in /proc'],
    ['/sys:/x', 'is in /sys'],
    ['/dev/shm:/x', 'is in /dev'],
    ['/root/project:/x', 'is in /root'],
    ['/boot:/x', 'is in /boot'],
    ['/run/docker.sock:/x', "is an engine's socket"],
    ['/var/run/docker.sock:/x', "is an engine's socket"],
    ['/srv/run/podman.sock:/x', "is an engine's socket"],
    ['/var:/x', 'covers /var/run'],
    ['/private:/x', 'covers /private/etc'],
  ])('%s', (bind, rule) => {
    expect(refused(bind, all)).toMatch(/^CONFIG_INVALID: docker\.binds/)
    expect(refused(bind, all)).toContain(`is refused: its source ${rule}`)
    expect(refused(bind, all)).toContain(blocked)
  })

  test("a home's secrets, and what covers them", () => {
    expect(refused(`${home}/.ssh:/x:ro`, all)).toContain('is in ~/.ssh')
    expect(refused(`${home}/.aws/credentials:/x`, all)).toContain('is in ~/.aws')
    expect(refused(`${home}:/x`, all)).toContain('covers ~/.aws')
    expect(refused(`${directory}:/x`, all)).toContain('covers ~/.aws')
    expect(parse([`${home}/notes:/x`], all)).toHaveLength(1)
  })

  test('the homes that other variables name count too, and the socket that is in use', () => {
    const host = thisHost(
      { OPENCLAW_HOME: '/srv/claw', USERPROFILE: '/srv/user', DOCKER_HOST: 'unix:///srv/e/x' },
      home,
    )
    expect(host.blocked('/srv/claw/.npm')).toBe('is in ~/.npm')
    expect(host.blocked('/srv/user/.docker/config.json')).toBe('is in ~/.docker')
    expect(host.blocked('/srv/e/x')).toBe("is in the engine's socket")
    expect(host.blocked('/srv/e')).toBe("covers the engine's socket")
    expect(host.blocked('/srv/else')).toBeUndefined()
  })

  test("an engine's socket that is there, wherever the CLI looks for it", () => {
    mkdirSync(join(home, '.colima/default'), { recursive: true })
    expect(thisHost({}, home).blocked(join(home, '.colima'))).toBeUndefined()
    writeFileSync(join(home, '.colima/default/docker.sock'), '')
    expect(thisHost({}, home).blocked(join(home, '.colima'))).toBe("covers the engine's socket")
    // Also of an engine that is not the one in use.
    for (const DOCKER_HOST of ['unix:///srv/e/engine.sock', 'tcp://10.0.0.5:2375']) {
      const host = thisHost({ DOCKER_HOST }, home)
      expect(host.blocked(join(home, '.colima'))).toBe("covers the engine's socket")
    }
  })

  test('a link into what is blocked, at the end of the path or on its way', () => {
    symlinkSync('/etc', join(workspace.host, 'innocent'))
    symlinkSync(join(home, '.ssh'), join(workspace.host, 'keys'))
    expect(refused(`${workspace.host}/innocent:/x`, all)).toContain('is in /etc')
    expect(refused(`${workspace.host}/innocent/not-there/yet:/x`, all)).toContain('is in /etc')
    expect(refused(`${workspace.host}/keys:/x`, all)).toContain('is in ~/.ssh')
  })

  test('a home that is a link itself is as blocked as the directory it leads to', () => {
    symlinkSync(home, join(directory, 'me'))
    const host = thisHost({}, join(directory, 'me'))
    expect(host.blocked(join(home, '.ssh'))).toBe('is in ~/.ssh')
    expect(host.blocked(join(directory, 'me/.ssh'))).toBe('is in ~/.ssh')
  })

  test('a source outside the workspace', () => {
    expect(refused(`${directory}/outside:/x`)).toContain(
      `is refused: its source is outside the workspace (${workspace.host}) | Bind a directory of the workspace, or set docker.dangerouslyAllowExternalBindSources.`,
    )
    symlinkSync(join(directory, 'outside'), join(workspace.host, 'link'))
    expect(refused(`${workspace.host}/link:/x`)).toContain('is outside the workspace')
    mkdirSync(`${workspace.host}-other`)
    expect(refused(`${workspace.host}-other:/x`)).toContain('is outside the workspace')
    expect(parse([`${directory}/outside:/x`], external)).toHaveLength(1)
  })

  test("the agent's directory is no outside", () => {
    const agent: Mount = { host: join(directory, 'outside'), sandbox: '/agent', writable: false }
    expect(parse([`${agent.host}:/x`], {}, [workspace, agent])).toHaveLength(1)
  })

  test.each(['/workspace', '/workspace/x', '/agent', '/agent/a/b', '/srv/w/x'])(
    'the reserved target %s',
    (target) => {
      const bind = `${workspace.host}/data:${target}`
      expect(refused(bind, { workdir: '/srv/w' })).toContain(
        'or set docker.dangerouslyAllowReservedContainerTargets',
      )
      expect(parse([bind], { ...all, workdir: '/srv/w' })).toHaveLength(1)
    },
  )

  test.each([
    ['relative:/x', 'has no absolute path on the host'],
    ['volume-name:/x', 'has no absolute path on the host'],
    ['/srv/only', 'has no absolute path on the host'],
    ['/srv:relative', 'has no usable path inside'],
    ['/srv:/', 'has no usable path inside'],
    ['/srv:/a/../../etc', 'has no usable path inside'],
    ['/srv:/proc/x', 'has no usable path inside'],
    ['/srv:/x:shared', 'has an unknown mode'],
    ['/srv:/x:ro,rw', 'has an unknown mode'],
    ['/srv/not/there:/x', 'its source is not there'],
  ])('%s', (bind, reason) => {
    expect(refused(bind, all)).toContain(reason)
  })
})

describe('what is mounted below', () => {
  const agent: Mount = { host: '/srv', sandbox: '/agent', writable: false }
  beforeEach(() => {
    mkdirSync(join(directory, 'outside/disk'))
  })
  const below = (mounts: readonly Mount[], ...points: string[]) =>
    readOnlyBelow(
      mounts,
      points.map((point) => join(directory, point)),
    ).map(({ host, sandbox, writable }) => [host.slice(directory.length), sandbox, writable])
  const outside = (change: Partial<Mount> = {}): Mount => ({
    ...agent,
    host: join(directory, 'outside'),
    ...change,
  })

  test('a read-only mount is mounted read-only, once for each', () => {
    const twice = [workspace, outside(), outside({ sandbox: '/data' })]
    expect(below(twice, 'outside', 'outside/disk', 'outside-of-it', 'workspace/data')).toEqual([
      ['/outside/disk', '/agent/disk', false],
      ['/outside/disk', '/data/disk', false],
    ])
    expect(below([outside({ writable: true })], 'outside/disk')).toEqual([])
  })

  test('is left out where another mount is there, or nothing is', () => {
    const there = { ...workspace, sandbox: '/agent/disk' }
    expect(below([outside(), there], 'outside/disk', 'outside/disk/in')).toEqual([])
    expect(below([outside()], 'outside/hidden')).toEqual([])
  })
})

describe('a place for a mount inside another', () => {
  const owner = () => ({ uid: statSync(directory).uid, gid: statSync(directory).gid })
  const inner = (sandbox: string): Mount => ({
    host: join(directory, 'outside'),
    sandbox,
    writable: true,
  })

  test('is made on the host, with the owner of the workspace', () => {
    const given = process.getuid?.() === 0 ? { uid: 4321, gid: 4322 } : owner()
    makeMountPoints([workspace, inner('/workspace/a/b')], ['/workspace/a/tmp', '/tmp'], given)
    for (const path of ['a', 'a/b', 'a/tmp']) {
      expect(statSync(join(workspace.host, path))).toMatchObject(given)
      expect(statSync(join(workspace.host, path)).mode & 0o777).toBe(0o755)
    }
    expect(statSync(join(workspace.host, 'data'))).toMatchObject(owner())
    expect(readdirSync(workspace.host).sort()).toEqual(['a', 'data'])
  })

  test('is an empty file for a file, and what is there stays', () => {
    const file = { ...inner('/workspace/conf/settings.ini'), host: join(directory, 'file') }
    writeFileSync(file.host, 'x')
    makeMountPoints([workspace, file], [], owner())
    const made = join(workspace.host, 'conf/settings.ini')
    expect(readFileSync(made, 'utf8')).toBe('')
    writeFileSync(made, 'kept')
    makeMountPoints([workspace, file], [], owner())
    expect(readFileSync(made, 'utf8')).toBe('kept')
  })

  test('is made in the innermost mount', () => {
    makeMountPoints([workspace, inner('/workspace/a'), inner('/workspace/a/b')], [], owner())
    expect(existsSync(join(directory, 'outside/b'))).toBe(true)
    expect(existsSync(join(workspace.host, 'a/b'))).toBe(false)
  })

  test('follows no link out of the workspace', () => {
    symlinkSync(join(directory, 'home'), join(workspace.host, 'a'))
    for (const target of ['/workspace/a', '/workspace/a/b']) {
      expect(() => makeMountPoints([workspace, inner(target)], [], owner())).toThrow(
        'is a link or of another kind',
      )
    }
    expect(readdirSync(join(directory, 'home')).sort()).toEqual(['.ssh', 'notes'])
    expect(lstatSync(join(workspace.host, 'a')).isSymbolicLink()).toBe(true)
  })

  test('is not made where a link on the way to the workspace leads', () => {
    const inWorkspace = { ...inner('/data'), host: join(workspace.host, 'data') }
    mkdirSync(join(directory, 'elsewhere/data'), { recursive: true })
    rmSync(workspace.host, { recursive: true })
    symlinkSync(join(directory, 'elsewhere'), workspace.host)
    expect(() => makeMountPoints([inWorkspace], ['/data/tmp'], owner())).toThrow('cannot be made')
    expect(readdirSync(join(directory, 'elsewhere/data'))).toEqual([])
  })

  test('that is taken by a file is told', () => {
    writeFileSync(join(workspace.host, 'a'), '')
    expect(() => makeMountPoints([workspace, inner('/workspace/a')], [], owner())).toThrow(
      'is a link or of another kind',
    )
  })
})

describeWhere('docker', 'docker: binds in a container', () => {
  let world: DockerWorld
  beforeEach(() => {
    world = new DockerWorld()
  })
  afterEach(() => world.close())

  test('they are mounted in order, read-only where they say so, and below the workspace', async () => {
    const outside = join(world.directory, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'from-host'), 'h')
    writeFileSync(join(world.directory, 'file'), 'one file')
    chmodSync(outside, 0o777)
    const sandbox = await world.open({
      binds: [
        `${outside}:/data:ro`,
        `${outside}:/workspace/deep/er`,
        `${world.directory}/file:/etc/one-file:ro`,
      ],
      ...all,
    })
    expect(
      await world.run(
        sandbox,
        'cat /data/from-host /workspace/deep/er/from-host /etc/one-file; touch /data/x 2>&1',
      ),
    ).toMatch(/^hhone file.*Read-only file system/)
    await world.run(sandbox, 'echo s >/workspace/deep/er/from-sandbox')
    expect(readFileSync(join(outside, 'from-sandbox'), 'utf8')).toBe('s\n')
    for (const path of ['deep', 'deep/er']) {
      expect(statSync(join(world.host, path))).toMatchObject(world.spec.owner)
    }
    const again = await world.open({
      binds: [
        `${outside}:/data:ro`,
        `${outside}:/workspace/deep/er`,
        `${world.directory}/file:/etc/one-file:ro`,
      ],
      ...all,
    })
    expect(again.stale).toBeUndefined()
  })

  test.runIf(isRoot)('what is mounted below a read-only one is read-only too', async () => {
    const outside = join(world.directory, 'outside')
    const disk = join(outside, 'a disk')
    mkdirSync(join(disk, 'in'), { recursive: true })
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', disk])
    try {
      mkdirSync(join(disk, 'in'))
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(disk, 'in')])
      const settings = { binds: [`${outside}:/data:ro`, `${outside}:/rw`], ...external }
      const sandbox = await world.open(settings)
      const script =
        'for d in /data /rw; do for f in "$d/a disk/f" "$d/a disk/in/f"; do echo x >"$f"; done; done'
      const told = await world.run(sandbox, script)
      expect(told.match(/\/data\/a disk\S*.*Read-only file system/g)).toHaveLength(2)
      expect(readdirSync(join(disk, 'in'))).toEqual(['f'])
      expect(await world.run(sandbox, 'ls "/data/a disk/in"')).toBe('f\n')
      expect((await world.open(settings)).stale).toBeUndefined()
    } finally {
      execFileSync('umount', ['-R', disk])
    }
  })

  test('mounts that the spec lists and binds that repeat them are the same container', async () => {
    const outside = join(world.directory, 'outside')
    mkdirSync(outside)
    const settings = { binds: [`${outside}:/data`], ...external }
    await world.open(settings)
    const { Id } = await world.inspect()
    const [first] = world.spec.mounts
    const listed: Mount = { host: outside, sandbox: '/data', writable: true }
    await world.open(settings, { mounts: [first, listed] })
    expect((await world.inspect()).Id).toBe(Id)
  })

  test('one that would replace the workspace is refused: file tools would see another', async () => {
    const outside = join(world.directory, 'outside')
    mkdirSync(outside)
    await expect(world.open({ binds: [`${outside}:/workspace`], ...all })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      hint: expect.stringContaining('Give that directory as the workspace'),
    })
  })

  test('a directory whose place a link took since is judged anew', async () => {
    const outside = join(world.directory, 'outside')
    mkdirSync(outside)
    const settings = { binds: [`${outside}:/data`], ...external }
    await world.open(settings)
    rmSync(outside, { recursive: true })
    symlinkSync('/etc', outside)
    await expect(world.open(settings)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('is in /etc'),
    })
  })
})
