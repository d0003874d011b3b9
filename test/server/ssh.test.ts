/** The server, as it is started, with a workspace on another machine. */
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { describeWhere } from '../support/available.ts'
import { bigBytes, seedUnderWay } from '../support/seed-under-way.ts'
import { type SshServer, startSshServer } from '../support/ssh-server.ts'
import { newWorld, startServer, textOf, type World } from '../support/stdio-server.ts'

/** What is done on machines that are busy. */
const patient = { timeout: 120_000 }

describeWhere('ssh', 'a server whose workspace is on another machine', () => {
  let ssh: SshServer
  beforeAll(async () => {
    ssh = await startSshServer()
  })
  afterAll(() => ssh.close())

  const flags = () => {
    const { target, workspaceRoot, identityFile, knownHostsFile } = ssh.settings
    const settings = { target, workspaceRoot, identityFile, knownHostsFile }
    const set = Object.entries(settings).flatMap(([key, value]) => ['--set', `ssh.${key}=${value}`])
    return ['--backend', 'ssh', ...set]
  }
  const start = (world: World, args: readonly string[] = []) =>
    startServer(world, [...flags(), ...args])
  const place = () => {
    const world = newWorld()
    onTestFinished(() => world.remove())
    writeFileSync(join(world.workspace, 'a'), 'from the host\n')
    return world
  }
  const there = (name: string) => join(ssh.settings.workspaceRoot ?? '', name)

  test('says where it is, fills it once, and finds it again', patient, async () => {
    const world = place()
    const first = await start(world)
    expect(first.client.getInstructions()).toMatch(/on 127\.0\.0\.1, are not confined/)
    const read = await first.call('read', { path: '/workspace/a' })
    expect(textOf(read)).toMatch(/^from the host\n.*\/workspace was filled from the host now/s)
    await first.call('exec', { command: 'echo there > a; echo new > b' })
    const { resources } = await first.client.listResources()
    expect(resources.map(({ name }) => name)).toEqual(['a', 'b'])
    await first.close()
    expect(readdirSync(world.workspace)).toEqual(['a'])

    const second = await start(world)
    expect(textOf(await second.call('exec', { command: 'cat a b' }))).toMatch(
      /^there\nnew\n\n\[exit/,
    )
    expect(second.sandbox).toBe(first.sandbox)
    await second.close()
  })

  test('with access ro it has the project beside a workspace of its own', patient, async () => {
    const server = await start(place(), ['--access', 'ro'])
    const { tools } = await server.client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(['exec', 'process', 'read'])
    const { content } = await server.call('read', { path: '/agent/a' })
    expect(content[0]).toMatchObject({ text: 'from the host\n' })
    const listed = await server.call('exec', { command: 'ls; cat ../agent/a' })
    expect(textOf(listed)).toMatch(/^from the host\n/)
    await server.close()
  })

  test('killed while it fills the workspace, it leaves that to the next', patient, async () => {
    const world = place()
    writeFileSync(join(world.workspace, 'big'), '')
    truncateSync(join(world.workspace, 'big'), bigBytes)
    const doomed = await start(world)
    const directory = there(doomed.sandbox)
    doomed.call('read', { path: 'a' }).catch(() => {})
    await seedUnderWay(() => join(directory, 'workspace'))
    process.kill(doomed.pid, 'SIGKILL')
    expect(readdirSync(join(directory, 'workspace'))).toEqual([])

    const next = await start(world)
    const told = await next.call('exec', { command: 'cat a; wc -c < big' })
    expect(textOf(told)).toMatch(/^from the host\n300000000\n/)
    expect(readFileSync(join(directory, 'workspace/a'), 'utf8')).toBe('from the host\n')
    // The script that the first had sent clears away what it had got.
    const left = () => readdirSync(directory).filter((name) => name.startsWith('.seed-'))
    await expect.poll(left, { timeout: 30_000 }).toEqual([])
    await next.close()
    await doomed.close().catch(() => {})
  })

  test('ephemeral, it leaves nothing there', patient, async () => {
    const server = await start(place(), ['--ephemeral'])
    await server.call('exec', { command: 'true' })
    const { sandbox } = server
    expect(readdirSync(there(''))).toContain(sandbox)
    await server.close()
    await expect.poll(() => readdirSync(there('')), { timeout: 30_000 }).not.toContain(sandbox)
  })

  test(
    'ephemeral, and ended while it fills the workspace, it leaves nothing there',
    patient,
    async () => {
      const world = place()
      writeFileSync(join(world.workspace, 'big'), '')
      truncateSync(join(world.workspace, 'big'), bigBytes)
      const server = await start(world, ['--ephemeral'])
      const { sandbox } = server
      server.call('read', { path: 'a' }).catch(() => {})
      await seedUnderWay(() => there(`${sandbox}/workspace`))
      await server.close()
      await expect.poll(() => readdirSync(there('')), { timeout: 30_000 }).not.toContain(sandbox)
      const state = join(world.env.XDG_STATE_HOME ?? '', 'sandbox-mcp')
      expect(readdirSync(join(state, 'unsettled'))).toEqual([])
    },
  )

  test('a host that is not there is told at the first call', patient, async () => {
    const server = await start(place(), ['--set', 'ssh.target=nobody@127.0.0.1:1'])
    const result = await server.call('exec', { command: 'true' })
    expect(result.isError).toBe(true)
    expect(textOf(result)).toMatch(/^BACKEND_UNAVAILABLE: /)
    await server.close()
  })
})
