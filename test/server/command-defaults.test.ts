/** What settings say of every command: its environment and how long it may take. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWhere } from '../support/available.ts'
import { newWorld, type RunningServer, startServer, textOf } from '../support/stdio-server.ts'

describeWhere('bubblewrap', 'a command', () => {
  const world = newWorld()
  let server: RunningServer

  beforeAll(async () => {
    Object.assign(world.env, { SANDBOX_ENV_GREETING: 'hello  there', SANDBOX_TIMEOUT: '1' })
    const args = ['--backend', 'bubblewrap', '--ephemeral', '--set', 'docker.env.OTHER=x']
    server = await startServer(world, args)
  })

  afterAll(async () => {
    await server.close()
    world.remove()
  })

  test('has the environment that is set, but for what its call sets', async () => {
    const result = await server.call('exec', {
      command: 'printf "%s|%s|%s" "$GREETING" "$OTHER" "$LANG"',
      env: { OTHER: 'y' },
    })
    expect(textOf(result)).toContain('hello  there|y|C.UTF-8')
  })

  test('ends at the limit that is set, unless its call sets another', async () => {
    const [ended, longer] = await Promise.all([
      server.call('exec', { command: 'sleep 60' }),
      server.call('exec', { command: 'sleep 1.5; echo done', timeoutSeconds: 60 }),
    ])
    expect(ended.structuredContent).toMatchObject({ outcome: 'timed-out' })
    expect(longer.structuredContent).toMatchObject({ outcome: 'exited', exitCode: 0 })
  })
})
