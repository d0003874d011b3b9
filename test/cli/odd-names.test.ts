/** An engine that calls sandboxes of this installation what no sandbox is called: nothing of the host is touched. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { labelsFor } from '../../src/backends/openshell/labels.ts'
import { installationId } from '../../src/sessions/state-directory.ts'
import { newSpec } from '../backends/openshell-world.ts'
import { startDockerDouble } from '../support/docker-double.ts'
import { type Command, newCommand } from './run.ts'

/** From the directory in the state where there is a file for each sandbox. */
const odd = '../../../workspace/mine'

let command: Command
let state: string
beforeEach(() => {
  command = newCommand()
  state = join(command.world.env.XDG_STATE_HOME ?? '', 'sandbox-mcp')
  for (const name of ['used', 'unsettled']) mkdirSync(join(state, name), { recursive: true })
  writeFileSync(join(command.world.workspace, 'mine'), 'of the host')
})
afterEach(() => command.world.remove())

/** Neither is one of ours. */
async function expectLeftAlone(...options: readonly string[]): Promise<void> {
  const listed = await command.run(['list', '--json', ...options])
  expect(JSON.parse(listed.stdout).sandboxes).toEqual([])
  const pruned = await command.run(['prune', '--idle', '1h', ...options])
  expect(pruned).toMatchObject({ stdout: '', exitCode: 0 })
  expect(readdirSync(command.world.workspace)).toEqual(['mine'])
}

test('OpenShell', { timeout: 60_000 }, async () => {
  const { temporary } = command.world
  const named = { name: odd, installation: installationId(state) }
  const labels = labelsFor(newSpec(named), 'c0ffee', 'hash')
  const told = JSON.stringify([{ id: '1', name: odd, phase: 'Ready', labels }])
  writeFileSync(join(temporary, 'told.json'), told)
  const openshell = join(temporary, 'openshell')
  const answers = [
    '*" --version "*) echo openshell 0.0.111 ;;',
    `*" sandbox list "*) cat '${join(temporary, 'told.json')}' ;;`,
    '*) echo "Error: sandbox not found" >&2; exit 1 ;;',
  ]
  const script = ['#!/bin/sh', 'case " $* " in', ...answers, 'esac', '']
  writeFileSync(openshell, script.join('\n'), { mode: 0o755 })
  const config = join(temporary, 'config.json5')
  const settings = { config: { command: openshell, gateway: 'g', mode: 'mirror' } }
  writeFileSync(
    config,
    JSON.stringify({
      agents: { defaults: { sandbox: { backend: 'openshell' } } },
      plugins: { entries: { openshell: settings } },
    }),
  )
  await expectLeftAlone('--config', config)
})

test('Docker', { timeout: 60_000 }, async () => {
  const engine = await startDockerDouble(command.world, state, { main: odd }, (_, __, list) =>
    list(),
  )
  Object.assign(command.world.env, engine.env)
  try {
    await expectLeftAlone()
  } finally {
    await engine.close()
  }
})
