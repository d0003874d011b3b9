/**
 * Servers on OpenShell that start at the same moment open one sandbox, installations keep apart, and what a
 * server left that was killed while it opened is adopted by the next.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { describeWhere } from '../support/available.ts'
import { type OpenShellDouble, startOpenShellDouble } from '../support/openshell/double.ts'
import { configureOpenShell } from '../support/openshell-config.ts'
import { newWorld, startServer, textOf, type World } from '../support/stdio-server.ts'

vi.setConfig({ testTimeout: 240_000 })

interface Before {
  readonly creations: number
  readonly sandboxes: number
}

const soon = { timeout: 120_000, interval: 2 }

describeWhere('openshell-double', 'OpenShell: opening', () => {
  let double: OpenShellDouble
  const worlds: World[] = []
  beforeAll(async () => {
    double = await startOpenShellDouble()
  })
  afterAll(() => double?.close())
  afterEach(async () => {
    await openshell('sandbox', 'delete', '--all')
    for (const world of worlds.splice(0)) world.remove()
  })

  const openshell = async (...args: string[]) => {
    const env = { PATH: process.env.PATH, ...double.env }
    return (await execa(double.command, args, { env, extendEnv: false, stdin: 'ignore' })).stdout
  }
  const names = async () => (await openshell('sandbox', 'list', '--names')).split('\n').sort()
  /** How many were made so far: each has a directory of the next number. */
  const made = () => Math.max(0, ...readdirSync(join(double.state, 'sandboxes')).map(Number))
  const calls = (word: string) => double.invocations().filter((one) => one.includes(word)).length

  const place = (mode: 'mirror' | 'remote') => {
    const world = newWorld()
    worlds.push(world)
    writeFileSync(join(world.workspace, 'mine'), 'of the host\n')
    configureOpenShell(world, double, mode)
    return world
  }

  describe.each(['mirror', 'remote'] as const)('in mode %s', (mode) => {
    test('two servers that start at the same moment open one sandbox between them', async () => {
      const world = place(mode)
      const servers = await Promise.all([startServer(world, []), startServer(world, [])])
      const said = await Promise.all(
        servers.map((server, at) => server.call('exec', { command: `echo ${at} >made-by-${at}` })),
      )
      expect(said.map(({ isError }) => isError ?? false)).toEqual([false, false])
      for (const server of servers) {
        const seen = await server.call('exec', { command: 'cat made-by-* mine' })
        expect(textOf(seen)).toMatch(/^0\n1\nof the host\n/)
      }
      expect(servers[1].sandbox).toBe(servers[0].sandbox)
      expect(await names()).toEqual([servers[0].sandbox])
      await Promise.all(servers.map((server) => server.close()))
    })

    const stages: Record<string, (before: Before, name: string) => Promise<void>> = {
      'the creation was asked for': ({ creations }) =>
        expect.poll(() => calls('create'), soon).toBeGreaterThan(creations),
      'the sandbox is there': ({ sandboxes }) => expect.poll(made, soon).toBeGreaterThan(sandboxes),
      'it is connected': (_, name) =>
        expect.poll(() => double.connections(), soon).toMatchObject({ [name]: expect.any(Number) }),
    }

    test.each(Object.keys(stages))(
      'a server that is killed when %s leaves it to the next',
      async (stage) => {
        const world = place(mode)
        const before = { creations: calls('create'), sandboxes: made() }
        const doomed = await startServer(world, [])
        const call = doomed.call('exec', { command: 'true' }).catch(() => {})
        await stages[stage]?.(before, doomed.sandbox)
        process.kill(doomed.pid, 'SIGKILL')
        await call
        const next = await startServer(world, [])
        const told = await next.call('exec', { command: 'cat mine; echo new >made' })
        expect(textOf(told)).toMatch(/^of the host\n/)
        expect(next.sandbox).toBe(doomed.sandbox)
        expect(await names()).toEqual([next.sandbox])
        if (mode === 'mirror') {
          expect(readFileSync(join(world.workspace, 'made'), 'utf8')).toBe('new\n')
        }
        await next.close()
        expect(readdirSync(world.temporary)).toEqual([])
      },
    )
  })
})
