/** Who finds whose sandbox. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { name, output, type Scenario, signal } from './bubblewrap-scenario.ts'

export const sharing: Record<string, Scenario> = {
  async 'what a command leaves is there for the next, and for other servers'(world) {
    const sandbox = await world.open()
    await output(sandbox, 'echo kept > /tmp/kept')
    assert.equal(await output(sandbox, 'cat /tmp/kept'), 'kept')
    await world.server('(finds what was kept)')
    assert.equal(await output(sandbox, 'cat /tmp/kept'), 'kept by both')
    await sandbox.close()

    const [found, ...others] = await world.backend.list('ours', signal)
    assert.deepEqual(others, [])
    assert(found)
    const { createdMs, configHash, ...rest } = found
    assert.deepEqual(rest, {
      name,
      kind: 'bubblewrap',
      state: 'running',
      installation: 'ours',
      scopeKey: 'scope',
      agent: 'main',
      workspace: world.workspace,
    })
    assert.match(configHash ?? '', /^[0-9a-f]{64}$/)
    assert(Math.abs(Date.now() - createdMs) < 60_000)
    assert.deepEqual(await world.backend.list('theirs', signal), [])
  },

  async '(finds what was kept)'(world) {
    const sandbox = await world.open()
    await output(sandbox, 'echo "$(cat /tmp/kept) by both" > /tmp/kept')
    await sandbox.close()
  },

  async 'servers that open at the same time share one sandbox'(world) {
    const here = await Promise.all([world.open(), world.open(), world.open()])
    const servers = Array.from({ length: 4 }, () => world.server('(says it was here)'))
    await Promise.all(servers)
    assert.equal(await output(here[0], 'sort -u /tmp/seen | wc -l; wc -l < /tmp/seen'), '1\n4')
    for (const sandbox of here) await sandbox.close()
  },

  async '(says it was here)'(world) {
    const sandbox = await world.open()
    await output(sandbox, 'readlink /proc/self/ns/pid >> /tmp/seen')
    await sandbox.close()
  },

  async 'another installation is refused'(world) {
    const sandbox = await world.open()
    await assert.rejects(world.open({ installation: 'theirs' }), {
      code: 'SANDBOX_START_FAILED',
      message: /"ours"/,
    })
    assert.equal(await output(sandbox, 'echo unharmed'), 'unharmed')
    await sandbox.close()
  },

  async 'a name that is not one is refused before it is a path'(world) {
    for (const bad of ['', '..', 'sbx-../../../../etc', 'sbx-0123456789ABCDE', `${name}/x`]) {
      await assert.rejects(world.open({ name: bad }), { code: 'ARGUMENT_INVALID' })
      await assert.rejects(world.backend.remove(bad, signal), { code: 'ARGUMENT_INVALID' })
    }
    assert.equal(existsSync(world.runtimeDir), false)
  },
}
