/** What `explain` says of the files that people bring, and of what they should hear about. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fixture, variablesOf } from '../config/resolved.ts'
import { type Command, newCommand, noDocker, steady } from './run.ts'

let command: Command
beforeEach(() => {
  command = newCommand()
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

test('no engine is asked', async () => {
  const { exitCode } = await command.run(['explain', '--backend', 'docker'], noDocker)
  expect(exitCode).toBe(0)
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
