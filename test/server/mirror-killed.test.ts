/** The server is killed while a command changes a mirrored workspace: what it changed is not forgotten. */
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readUse, writeUse } from '../../src/sessions/use-record.ts'
import { newCommand } from '../cli/run.ts'
import { describeWhere } from '../support/available.ts'
import { type OpenShellDouble, startOpenShellDouble } from '../support/openshell/double.ts'
import { startServer } from '../support/stdio-server.ts'

/** It starts half a dozen programs, on machines that are busy. */
const patient = { timeout: 180_000 }

describeWhere('openshell-double', 'a server that is killed', () => {
  let double: OpenShellDouble
  beforeAll(async () => {
    double = await startOpenShellDouble()
  })
  afterAll(() => double.close())

  test('leaves a sandbox that is kept until its changes are back', patient, async () => {
    const command = newCommand()
    const { world } = command
    Object.assign(world.env, double.env)
    const state = join(world.env.XDG_STATE_HOME ?? '', 'sandbox-mcp')
    const config = join(world.temporary, 'config.json5')
    writeFileSync(
      config,
      `{ agents: { defaults: { sandbox: { backend: 'openshell' } } },
         plugins: { entries: { openshell: { config: { command: '${double.command}', mode: 'mirror' } } } } }`,
    )
    const settings = ['--config', config]
    const prune = () => command.run(['prune', '--idle', '1h', ...settings])
    try {
      writeFileSync(join(world.workspace, 'a'), 'of the host')
      const doomed = await startServer(world, settings)
      await doomed.call('exec', { command: 'sleep 1000', background: true })
      const name = doomed.sandbox
      process.kill(doomed.pid, 'SIGKILL')
      await doomed.close().catch(() => {})
      const [number = ''] = readdirSync(join(double.state, 'sandboxes'))
      const inside = join(double.state, 'sandboxes', number, 'workspace')
      writeFileSync(join(inside, 'b'), 'made inside')

      const rest = () => {
        const use = readUse(state, name)
        if (use === undefined) throw new Error('no use is known')
        writeUse(state, name, { ...use, usedMs: Date.now() - 7_200_000 })
      }
      rest()
      // For a minute it counts as in use, as its process may be one that is not seen here.
      const leases = join(state, 'leases')
      for (const lease of readdirSync(leases)) utimesSync(join(leases, lease), 0, 0)
      const pruned = await prune()
      expect(pruned.stdout).toBe('')
      expect(pruned.stderr).toMatch(
        new RegExp(
          `${name}.* is kept: not all .* came back .*"sandbox-mcp recreate ${name}" gives`,
        ),
      )
      const asked = await command.run(['recreate', name, ...settings])
      expect(asked.stderr).toContain('Lost: changes in the workspace that did not come back')

      const next = await startServer(world, settings)
      await next.call('exec', { command: 'true' })
      expect(readFileSync(join(world.workspace, 'b'), 'utf8')).toBe('made inside')
      await next.close()
      rest()
      const harmless = await command.run(['recreate', name, ...settings])
      expect(harmless.stderr).toContain('Lost: what runs inside, what was installed')
      expect((await prune()).stdout).toBe(name)
    } finally {
      world.remove()
    }
  })
})
