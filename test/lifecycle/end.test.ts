/** However a session ends, nothing of it is left: no process, no ephemeral sandbox, no file. */
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Backend } from '../../src/sandbox.ts'
import { chooseBackend } from '../../src/sessions/choose-backend.ts'
import { installationId, stateDirectory } from '../../src/sessions/state-directory.ts'
import { describeWhere, images, type Part } from '../support/available.ts'
import { settingsWith } from '../support/settings.ts'
import {
  entry,
  isRunning,
  newWorld,
  processesWith,
  type RunningServer,
  startServer,
  textOf,
  type World,
} from '../support/stdio-server.ts'

const never = new AbortController().signal
const soon = { timeout: 15_000, interval: 50 }

const ways: Record<string, (server: RunningServer) => Promise<void> | void> = {
  'stdin is closed': (server) => server.close(),
  'SIGTERM comes': (server) => void process.kill(server.pid, 'SIGTERM'),
  'SIGINT comes': (server) => void process.kill(server.pid, 'SIGINT'),
  'SIGHUP comes': (server) => void process.kill(server.pid, 'SIGHUP'),
  'it is killed with SIGKILL': (server) => void process.kill(server.pid, 'SIGKILL'),
}

for (const part of ['docker', 'bubblewrap'] as const satisfies Part[]) {
  describeWhere(part, `${part}: the end of a session`, () => {
    const flags =
      part === 'docker' ? ['--backend', part, '--image', images.debian] : ['--backend', part]
    let world: World
    let backend: Backend
    let marker: string

    beforeEach(async () => {
      world = newWorld()
      backend = await chooseBackend(settingsWith({ backend: part, image: images.debian }), never)
      marker = String(randomInt(10_000_000, 99_999_999))
    })
    afterEach(async () => {
      for (const { name } of await sandboxes()) await backend.remove(name, never)
      world.remove()
    })

    const sandboxes = () => backend.list(installationId(stateDirectory(world.env)), never)

    /**
     * A foreground command, a background process, one that left its group and ignores TERM, and a log on
     * the host's disk.
     */
    async function keepBusy(server: RunningServer): Promise<void> {
      await server.call('exec', { command: 'seq 1 20000' })
      expect(readdirSync(world.temporary)).toHaveLength(1)
      await server.call('exec', {
        command: `setsid sh -c 'trap "" TERM; sleep ${marker}; sleep ${marker}' >/dev/null 2>&1 & sleep ${marker} &`,
      })
      await server.call('exec', { command: `sleep ${marker}`, background: true })
      server.call('exec', { command: `echo on; sleep ${marker}`, yieldMs: 600_000 }).catch(() => {})
      await expect.poll(() => processesWith(`sleep ${marker}`).length, soon).toBeGreaterThan(4)
    }

    for (const [way, end] of Object.entries(ways)) {
      test(`nothing is left when ${way}`, async () => {
        const server = await startServer(world, [...flags, '--ephemeral'])
        await keepBusy(server)
        expect((await sandboxes()).map(({ name }) => name)).toEqual([server.sandbox])
        await end(server)
        await expect.poll(() => isRunning(server.pid), soon).toBe(false)
        await expect.poll(() => processesWith(marker), soon).toEqual([])
        await server.close()
        if (!way.includes('SIGKILL')) expect(readdirSync(world.temporary)).toEqual([])
        // After a SIGKILL the next server may have to tidy up, soon after its start.
        const next = await startServer(world, [...flags, '--ephemeral'])
        await expect.poll(sandboxes, soon).toEqual([])
        await expect.poll(() => readdirSync(world.temporary), soon).toEqual([])
        await next.close()
        await expect.poll(() => isRunning(next.pid), soon).toBe(false)
        expect(readdirSync(world.temporary)).toEqual([])
      })
    }

    test('commands end with the session and a sandbox that is kept goes on', async () => {
      const server = await startServer(world, flags)
      await server.call('exec', { command: 'echo kept >/tmp/kept' })
      await keepBusy(server)
      await server.close()
      await expect.poll(() => isRunning(server.pid), soon).toBe(false)
      await expect.poll(() => processesWith(marker), soon).toEqual([])
      const next = await startServer(world, flags)
      expect(textOf(await next.call('exec', { command: 'cat /tmp/kept' }))).toMatch(/^kept\n/)
      expect(next.sandbox).toBe(server.sandbox)
      await next.close()
    })

    test('a foreground command does not outlive a SIGKILL of the server in a kept sandbox', async () => {
      const server = await startServer(world, flags)
      await keepBusy(server)
      process.kill(server.pid, 'SIGKILL')
      await expect.poll(() => processesWith(marker), soon).toEqual([])
      await server.close()
    })

    test('a client that stops reading ends the session', async () => {
      const child = spawn(
        process.execPath,
        [entry, '--workspace', world.workspace, ...flags, '--ephemeral'],
        {
          env: world.env,
          stdio: ['pipe', 'pipe', 'ignore'],
        },
      )
      const lines = createInterface({ input: child.stdout })
      const send = (message: object) =>
        child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
      child.stdin.on('error', () => {})
      const clientInfo = { name: 'test', version: '0' }
      send({
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo },
      })
      await new Promise((resolve) => lines.once('line', resolve))
      child.stdout.destroy()
      const ended = new Promise((resolve) => child.once('exit', resolve))
      send({ id: 2, method: 'tools/list' })
      send({ id: 3, method: 'tools/list' })
      expect(await ended).toBe(0)
    })
  })
}
