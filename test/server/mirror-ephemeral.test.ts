/** An ephemeral sandbox with a mirrored workspace goes with its server, unless something is in it alone. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { type Command, newCommand } from '../cli/run.ts'
import { describeWhere } from '../support/available.ts'
import { type OpenShellDouble, startOpenShellDouble } from '../support/openshell/double.ts'
import { configureOpenShell } from '../support/openshell-config.ts'
import { isRunning, type RunningServer, startServer, textOf } from '../support/stdio-server.ts'

/** Programs are started by the half dozen, on machines that are busy. */
const patient = { timeout: 240_000 }
const soon = { timeout: 60_000, interval: 50 }

describeWhere('openshell-double', 'an ephemeral sandbox of a mirrored workspace', () => {
  let double: OpenShellDouble
  let command: Command
  beforeAll(async () => {
    double = await startOpenShellDouble()
  })
  afterAll(() => double?.close())
  beforeEach(() => {
    command = newCommand()
    onTestFinished(() => command.world.remove())
    configureOpenShell(command.world, double, 'mirror')
    writeFileSync(host('a'), 'of the host')
  })
  const host = (path: string) => join(command.world.workspace, path)
  const start = () => startServer(command.world, ['--ephemeral'])
  /** Without the client's haste, which kills a server that takes more than a few seconds. */
  const end = async (server: RunningServer) => {
    process.kill(server.pid, 'SIGTERM')
    await expect.poll(() => isRunning(server.pid), soon).toBe(false)
    await server.close()
  }
  const listed = async () => {
    const { stdout } = await command.run(['list', '--json'])
    return (JSON.parse(stdout).sandboxes as { name: string }[]).map(({ name }) => name)
  }
  /** What a command in the background makes cannot come back: the workspace is away. */
  async function leaveBehind(server: RunningServer): Promise<string> {
    const { structuredContent } = await server.call('exec', {
      command: 'read line; echo made > b; echo done',
      background: true,
    })
    const away = `${command.world.workspace}-away`
    renameSync(command.world.workspace, away)
    const { id } = structuredContent as { id: string }
    await server.call('process', { action: 'write', id, data: 'go\n' })
    const polled = await server.call('process', { action: 'poll', id, waitMs: 20_000 })
    expect(textOf(polled)).toContain('not in step')
    return away
  }

  test(
    'is kept when the last sync failed, and says so, until a person gives it up',
    patient,
    async () => {
      const server = await start()
      const away = await leaveBehind(server)
      const name = server.sandbox
      await end(server)
      renameSync(away, command.world.workspace)
      await expect
        .poll(() => server.log(), soon)
        .toContain(
          `sandbox ${name} is kept, because not all that was changed in its workspace came back`,
        )
      expect(server.log()).toContain(`"sandbox-mcp recreate ${name}" removes it`)
      expect(readFileSync(join(double.newestWorkspace(), 'b'), 'utf8')).toBe('made\n')
      // Nor does another server tidy it up.
      const next = await start()
      await next.call('exec', { command: 'true' })
      await end(next)
      expect(await listed()).toContain(name)
      const { stderr } = await command.run(['recreate', name, '--force'])
      expect(stderr).toContain('did not come back')
      expect(await listed()).not.toContain(name)
    },
  )

  test('goes when a later sync has brought everything back', patient, async () => {
    const server = await start()
    const away = await leaveBehind(server)
    renameSync(away, command.world.workspace)
    const name = server.sandbox
    await server.call('exec', { command: 'true' })
    expect(readFileSync(host('b'), 'utf8')).toBe('made\n')
    await end(server)
    expect(server.log()).not.toContain('is kept')
    // What a server had no time to remove goes at the next start.
    const next = await start()
    await expect.poll(listed, soon).not.toContain(name)
    await end(next)
  })

  test(
    'that could not be removed, with nothing in it alone, goes at the next start',
    patient,
    async () => {
      const server = await start()
      await server.call('exec', { command: 'echo made > b' })
      const name = server.sandbox
      await double.set({ access: 'unauthenticated' })
      await end(server)
      expect(server.log()).toContain('does not know who is calling')
      await double.set({ access: 'open' })
      expect(await listed()).toContain(name)
      const next = await start()
      await expect.poll(listed, soon).not.toContain(name)
      await end(next)
    },
  )
})
