/** What `explain` says of the files that people bring, and of what they should hear about. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { installationId, stateDirectory } from '../../src/sessions/state-directory.ts'
import { fixture, variablesOf } from '../config/resolved.ts'
import { describeWhere } from '../support/available.ts'
import { contentsOf } from '../support/directory-contents.ts'
import { startServer } from '../support/stdio-server.ts'
import { type Command, newCommand, noDocker, steady } from './run.ts'

// Some start a dozen programs one after the other.
vi.setConfig({ testTimeout: 180_000 })

let command: Command
beforeEach(() => {
  command = newCommand()
  // As after the first server.
  installationId(stateDirectory(command.world.env))
})
afterEach(() => command.world.remove())

function configure(text: string): void {
  mkdirSync(dirname(command.config), { recursive: true })
  writeFileSync(command.config, text)
}

test.each([
  ['openshell-remote', 0],
  ['openshell-mirror-gpu', 0],
  // The policy that it names is on its author's machine.
  ['openshell-agent-gateway', 2],
])('OpenClaw’s sample %s', async (sample, code) => {
  configure(fixture(`${sample}.json5`))
  const { stdout, stderr, exitCode } = await command.run(['explain'])
  expect([stderr, exitCode]).toEqual(['', code])
  await expect(steady(stdout, command)).toMatchFileSnapshot(`golden/${sample}.txt`)
})

test('an .env of OpenHands', async () => {
  const home = join(command.world.workspace, '..', 'home')
  for (const name of ['project', 'data']) mkdirSync(join(home, name), { recursive: true })
  const env = variablesOf(fixture('openhands.env').replaceAll('/home/me', home))
  const { stdout, stderr } = await command.run(['explain'], env)
  expect(stderr).toBe('')
  expect(stdout).not.toContain('ghp_verysecret')
  await expect(steady(stdout, command)).toMatchFileSnapshot('golden/openhands.txt')
})

test('a terminal is told nothing by the name of a directory, here and at the start of a server', async () => {
  const workspace = join(command.world.workspace, 'a\u001b[31m\nred')
  mkdirSync(workspace)
  const { stdout } = await command.run(['explain', '--workspace', workspace])
  expect(stdout).toContain('a\u{fffd}[31m\u{fffd}red')
  expect(stdout).not.toContain('\u001b')
  const world = { ...command.world, workspace, env: { ...command.world.env, ...noDocker } }
  const server = await startServer(world, [])
  await server.close()
  expect(server.log().split('\n')[0]).toContain(
    'a\u{fffd}[31m\u{fffd}red (--workspace), sandbox sbx-',
  )
})

test('no engine is asked', async () => {
  const { exitCode } = await command.run(['explain', '--backend', 'docker'], noDocker)
  expect(exitCode).toBe(0)
})

describe('nothing is made', () => {
  const kinds = [
    [],
    ['--access', 'ro'],
    ['--access', 'none'],
    ['--ephemeral', '--access', 'ro'],
    ['--set', 'mode=off'],
    ['--set', 'scope=session', '--session', 'one'],
  ]
  const all = (root: string) => readdirSync(root, { recursive: true }).sort()
  const sandboxIn = async (args: readonly string[], cwd?: string) => {
    const { stdout, exitCode } = await command.run(['explain', '--json', ...args], {}, cwd)
    expect(exitCode).toBe(0)
    return JSON.parse(stdout).decision.sandbox?.value
  }

  test('where no server was ever started, and the sandbox has no name then', async () => {
    const fresh = join(command.world.temporary, 'state')
    const env = { XDG_STATE_HOME: fresh, HOME: fresh }
    const before = all(command.world.temporary)
    for (const args of kinds) {
      // In the last of them the current directory is no project.
      for (const cwd of [command.world.workspace, '/']) {
        const { stdout, exitCode } = await command.run(['explain', ...args], env, cwd)
        expect(exitCode).toBe(0)
        expect(stdout).not.toMatch(/sbx-[a-z2-7]{15}/)
      }
    }
    const { stdout } = await command.run(['explain'], env)
    expect(stdout).toMatch(/^Sandbox {4}sbx-\?{15} \(known once a server was started here\)/m)
    expect(all(command.world.temporary)).toEqual(before)
  })

  test('a state directory that cannot be made is a problem, as it would be to the server', async () => {
    const file = join(command.world.temporary, 'file')
    writeFileSync(file, '')
    const { stdout, exitCode } = await command.run(['explain'], { XDG_STATE_HOME: file })
    expect(exitCode).toBe(2)
    expect(stdout.split('\n')[0]).toContain(`the state directory "${file}/sandbox-mcp" cannot`)
  })

  describeWhere('bubblewrap', 'beside what servers left', () => {
    test('and it names the sandbox and the private workspace that a server uses', async () => {
      const state = command.world.env.XDG_STATE_HOME ?? ''
      for (const args of kinds.filter((one) => !one.includes('--ephemeral'))) {
        const given = ['--backend', 'bubblewrap', ...args]
        const server = await startServer(command.world, given)
        try {
          await server.call('exec', { command: 'true' })
        } finally {
          await server.close()
        }
        const before = [all(state), contentsOf(state)]
        const workspace = ['--workspace', command.world.workspace]
        expect((await sandboxIn([...given, ...workspace])) ?? '').toBe(server.sandbox)
        expect([all(state), contentsOf(state)]).toEqual(before)
      }
      await command.run(['recreate', '--all', '--force'])
    })
  })
})

test('a value that lost is told with where it stands', async () => {
  configure('{ agents: { defaults: { sandbox: { docker: { network: "bridge" } } } } }')
  const { stdout } = await command.run(['explain', '--network', 'none'])
  const lines = steady(stdout, command).split('\n')
  const at = lines.findIndex((line) => line.startsWith('docker.network'))
  expect(lines.slice(at, at + 2)).toMatchInlineSnapshot(`
    [
      "docker.network | none | --network",
      " | not bridge | agents.defaults.sandbox (line 1)",
    ]
  `)
})

test('a session without a sandbox is told as loudly as it should be', async () => {
  const { stdout } = await command.run(['explain', '--set', 'mode=non-main'])
  expect(stdout.split('\n').find((line) => line.startsWith('Mode'))).toMatchInlineSnapshot(
    `"Mode       non-main (--set agents.defaults.sandbox.mode): this session has NO SANDBOX: commands run on this machine, and nothing confines them"`,
  )
  const other = await command.run(['explain', '--set', 'mode=non-main', '--session', 'x', '--json'])
  expect(JSON.parse(other.stdout)).toMatchObject({ isSandboxed: true })
})

test('tools that are not offered are told with the reason', async () => {
  const args = [
    'explain',
    '--access',
    'ro',
    '--set',
    'tools.sandbox.tools.deny=["process"]',
    '--json',
  ]
  const { tools } = JSON.parse((await command.run(args)).stdout)
  expect(
    tools.map((tool: { name: string; why: string }) => `${tool.name}: ${tool.why}`),
  ).toMatchInlineSnapshot(`
    [
      "exec: nothing forbids it",
      "process: in tools.deny (--set tools.sandbox.tools.deny)",
      "read: nothing forbids it",
      "write: access ro (--access)",
      "edit: access ro (--access)",
      "apply_patch: access ro (--access)",
    ]
  `)
})

test.each([
  [['--workspace', '/no/such'], 'the workspace "/no/such" (--workspace) cannot be used'],
  [['--set', 'docker.binds=["/etc:/x"]'], '"/etc:/x" is refused'],
  [['--set', 'docker.workdir=/proc/x'], 'docker.workdir "/proc/x" is no place'],
])('%j: all is told, what is wrong first, with exit code 2', async (args, what) => {
  const { stdout, exitCode } = await command.run(['explain', ...args])
  expect(exitCode).toBe(2)
  expect(stdout.split('\n')[0]).toContain(what)
  expect(stdout).toContain('TOOL')
})
