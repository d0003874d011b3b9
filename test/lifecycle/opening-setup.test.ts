/** A server that is killed while it sets a Docker sandbox up leaves what the next one removes or uses. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Docker from 'dockerode'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { chooseBackend } from '../../src/sessions/choose-backend.ts'
import { installationId, stateDirectory } from '../../src/sessions/state-directory.ts'
import { describeWhere, images } from '../support/available.ts'
import { appears, dockerEvent, type Reached } from '../support/opening-stages.ts'
import { settingsWith } from '../support/settings.ts'
import { newWorld, startServer, textOf, type World } from '../support/stdio-server.ts'

const never = new AbortController().signal

/** Runs until there is a file `go`, so that it can be met while it runs. */
const setupCommand =
  'echo run >>/workspace/runs; until [ -e /workspace/go ]; do sleep 0.1; done; echo done >/tmp/set-up'

describeWhere('docker', 'docker: opening with a setup command', () => {
  let world: World
  beforeEach(() => {
    world = newWorld()
  })
  afterEach(async () => {
    const backend = await chooseBackend(settingsWith({ backend: 'docker' }), never)
    const found = await backend.list(installationId(stateDirectory(world.env)), never)
    for (const { name } of found) await backend.remove(name, never)
    world.remove()
  })

  const start = () =>
    startServer(world, [
      ...['--backend', 'docker', '--image', images.busybox],
      ...['--set', `docker.setupCommand=${setupCommand}`],
    ])
  const inWorkspace = (name: string) => join(world.workspace, name)

  const stages: Record<string, (name: string) => Promise<Reached> | Reached> = {
    'the container was made': (name) => dockerEvent('container create', `${name}-setup`),
    'the container was started': (name) => dockerEvent('container start', `${name}-setup`),
    'the container was claimed': (name) => dockerEvent('container exec_start', `${name}-setup`),
    'the setup command runs': () => appears(() => existsSync(inWorkspace('runs'))),
    // Its actor is the container by its old name, or by the new one.
    'the container got its name': (name) => dockerEvent('container rename', name),
  }

  test.each(Object.keys(stages))(
    'killed when %s',
    async (stage) => {
      const doomed = await start()
      const reached = await stages[stage]?.(doomed.sandbox)
      const call = doomed.call('exec', { command: 'true' }).catch(() => {})
      // Where it is not met while it runs, it is to end at once.
      if (!stage.includes('runs')) writeFileSync(inWorkspace('go'), '')
      await reached?.seen
      process.kill(doomed.pid, 'SIGKILL')
      reached?.stop()
      await call
      writeFileSync(inWorkspace('go'), '')

      const next = await start()
      const { sandbox } = next
      expect(textOf(await next.call('exec', { command: 'cat /tmp/set-up' }))).toMatch(/^done\n/)
      // Once for the sandbox there is, and once at most for the one that was given up.
      expect(readFileSync(inWorkspace('runs'), 'utf8')).toMatch(/^(run\n){1,2}$/)
      const filters = { name: [sandbox] }
      const all = await new Docker().listContainers({ all: true, filters })
      expect(all.flatMap(({ Names }) => Names)).toEqual([`/${sandbox}`])
      expect(sandbox).toBe(doomed.sandbox)
      await next.close()
      expect(readdirSync(world.temporary)).toEqual([])
    },
    240_000,
  )
})
