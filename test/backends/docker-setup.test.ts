/** The command that prepares a new sandbox: once, before anything else, or not at all. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DockerSettings } from '../../src/backends/docker/settings.ts'
import { describeWhere, images } from '../support/available.ts'
import { DockerWorld } from '../support/docker-world.ts'

const never = new AbortController().signal
const root = join(import.meta.dirname, '../..')

describeWhere('docker', 'docker: setupCommand', () => {
  let world: DockerWorld
  beforeEach(() => {
    world = new DockerWorld()
  })
  afterEach(() => world.close())

  const runs = () => readFileSync(join(world.host, 'runs'), 'utf8')
  const setupName = () => `${world.spec.name}-setup`

  /** Resolves when the file is in the workspace. */
  async function appears(name: string) {
    const watcher = watch(world.host)
    try {
      while (!existsSync(join(world.host, name))) await once(watcher, 'change')
    } finally {
      watcher.close()
    }
  }

  test('runs once, in a login shell, with the environment, before the sandbox is there', async () => {
    const setupCommand = 'echo "$0 $GREETING $(pwd)" >>runs; echo ready >~/made'
    const settings = { setupCommand, env: { GREETING: 'hello' } }
    const sandbox = await world.open(settings)
    expect(await world.run(sandbox, 'cat ~/made')).toBe('ready\n')
    await world.open(settings)
    expect(runs()).toMatch(/^-?sh hello \/workspace\n$/)
    expect(await world.containers()).toEqual([world.spec.name])
    expect(world.reports).toContain(`setting up sandbox ${world.spec.name}`)
  })

  test('that fails: the end of its output is told, and the sandbox is gone', async () => {
    const setupCommand = 'seq 1 5000; echo "no such package" >&2; exit 3'
    await expect(world.open({ setupCommand })).rejects.toMatchObject({
      code: 'SANDBOX_START_FAILED',
      message: expect.stringMatching(
        /failed with exit code 3 in a new sandbox.*\n(.*\n)*5000\nno such package$/,
      ),
      hint: expect.stringContaining('docker.network is none'),
    })
    expect(await world.containers()).toEqual([])
  })

  test('that is cancelled: nothing is left', async () => {
    const abort = new AbortController()
    const opening = world.open({ setupCommand: 'touch started; sleep 600' }, {}, abort.signal)
    opening.catch(() => {})
    await appears('started')
    abort.abort()
    await expect(opening).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await world.containers()).toEqual([])
  })

  test('servers that start at once set up one sandbox between them', async () => {
    const settings = {
      setupCommand: 'echo x >>runs; touch started; until [ -e go ]; do sleep 0.1; done',
    }
    const opening = [world.open(settings), world.open(settings), world.open(settings)]
    await appears('started')
    writeFileSync(join(world.host, 'go'), '')
    await Promise.all(opening)
    expect(runs()).toBe('x\n')
    expect(await world.containers()).toEqual([world.spec.name])
  })

  test('is run again in a sandbox that was stopped, when what it made was in memory', async () => {
    const settings = { setupCommand: 'echo x >>runs; echo ready >~/made' }
    await world.open(settings)
    await world.docker.getContainer(world.spec.name).stop({ t: 0 })
    const sandbox = await world.open(settings)
    expect(await world.run(sandbox, 'cat ~/made')).toBe('ready\n')
    expect(runs()).toBe('x\nx\n')

    const writable = { ...settings, readOnlyRoot: false }
    await world.open(writable)
    await world.docker.getContainer(world.spec.name).stop({ t: 0 })
    await world.open(writable)
    expect(runs()).toBe('x\nx\nx\n')
  })

  test('ephemeral sandboxes are set up too', async () => {
    const server = { pid: process.pid, started: '' }
    const sandbox = await world.open({ setupCommand: 'echo ready >~/made' }, { ephemeral: server })
    expect(await world.run(sandbox, 'cat ~/made')).toBe('ready\n')
  })

  /** Another server, killed while its setup command runs. */
  async function killDuringSetup(settings: Partial<DockerSettings>) {
    const outfile = join(world.directory, 'opener.cjs')
    await build({
      entryPoints: [join(import.meta.dirname, 'docker-opener.ts')],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      packages: 'external',
      outfile,
    })
    const argument = JSON.stringify({
      spec: world.spec,
      settings: { image: images.busybox, ...settings },
    })
    const other = spawn(process.execPath, [outfile, argument], {
      env: { ...process.env, NODE_PATH: join(root, 'node_modules') },
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const exited = once(other, 'exit')
    await appears('started')
    other.kill('SIGKILL')
    await exited
  }

  test('a server that is killed meanwhile: the next one starts anew', async () => {
    const settings = {
      setupCommand: 'echo x >>runs; touch started; until [ -e go ]; do sleep 0.1; done',
    }
    await killDuringSetup(settings)
    expect(await world.containers()).toEqual([setupName()])
    const opening = world.open(settings)
    opening.catch(() => {})
    writeFileSync(join(world.host, 'go'), '')
    const sandbox = await opening
    expect(await world.run(sandbox, 'echo up')).toBe('up\n')
    expect(runs()).toBe('x\nx\n')
    expect(await world.containers()).toEqual([world.spec.name])
    expect(world.reports).toContain(`removing sandbox ${world.spec.name}: its setup was cut off`)
  }, 90_000)

  test('what such a server left is listed as broken, and can be removed', async () => {
    await killDuringSetup({ setupCommand: 'touch started; sleep 600' })
    const listed = await world.backend().list(world.spec.installation, never)
    expect(listed.find(({ name }) => name === world.spec.name)).toMatchObject({ state: 'broken' })
    await world.backend().remove(world.spec.name, never)
    expect(await world.containers()).toEqual([])
  })
})
