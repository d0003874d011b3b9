/** What works on this machine, and what to do about the rest. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { describeWhere } from '../support/available.ts'
import { type Command, newCommand, noDocker } from './run.ts'

let command: Command
beforeEach(() => {
  command = newCommand()
})
afterEach(() => command.world.remove())

/** Nothing is installed there. */
const nothing = { ...noDocker, PATH: '/nowhere' }

test('where nothing works it says so, with the fix for each, and exit code 1', async () => {
  const { stdout, stderr, exitCode } = await command.run(['doctor'], nothing)
  expect([stderr, exitCode]).toEqual(['', 1])
  const lines = stdout.split('\n')
  expect(lines.at(-1)).toBe('No sandbox can be made here: make Docker or bubblewrap work.')
  const bad = lines.flatMap((line, at) => (line.includes('\u2716') ? [at] : []))
  expect(bad.length).toBeGreaterThan(1)
  for (const at of bad) expect(lines[at + 1]).toMatch(/^ +\u2192 .+/)
})

test('settings that cannot be used are a finding too', async () => {
  mkdirSync(dirname(command.config), { recursive: true })
  writeFileSync(command.config, '{ agents: { defaults: { sandbox: { mod: "all" } } } }')
  const { stdout, exitCode } = await command.run(['doctor', '--json'])
  expect(exitCode).toBe(1)
  const { machine, backends } = JSON.parse(stdout)
  expect(machine.find((one: { name: string }) => one.name === 'settings')).toMatchObject({
    ok: false,
  })
  expect(backends.map((one: { backend: string }) => one.backend)).toEqual([
    'docker',
    'bubblewrap',
    'ssh',
    'openshell',
  ])
})

test('a host that refuses connections is told within its time', async () => {
  const args = ['--backend', 'ssh', '--set', 'ssh.target=127.0.0.1:1']
  const { stdout, exitCode } = await command.run(['doctor', ...args])
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/\u2716 host 127\.0\.0\.1:1: .+\n +\u2192 .+/)
  expect(stdout).toContain('the backend that is set is ssh, and it does not work')
})

describeWhere('bubblewrap', 'doctor, with bubblewrap', () => {
  test('a workspace that cannot be one is a finding: the server would not start', async () => {
    const { stdout, exitCode } = await command.run(['doctor', '--workspace', '/nope'], noDocker)
    expect(exitCode).toBe(1)
    expect(stdout).toContain('\u2716 settings: the workspace "/nope" (--workspace) cannot be used')
    expect(stdout).toContain('The server cannot start as it is.')
  })

  test('a file of settings where commands can change it is one too', async () => {
    const inside = join(command.world.workspace, 'config.json5')
    writeFileSync(inside, '{}')
    const including = join(command.world.env.HOME ?? '', 'config.json5')
    writeFileSync(including, JSON.stringify({ agents: { defaults: { $include: inside } } }))
    // Also where somebody lets files be included from there.
    const env = { ...noDocker, OPENCLAW_INCLUDE_ROOTS: command.world.workspace }
    for (const config of [inside, including]) {
      const { stdout, exitCode } = await command.run(['doctor', '--config', config], env)
      expect(exitCode).toBe(1)
      expect(stdout).toContain(`${JSON.stringify(inside)} is refused: it says what the sandbox may`)
    }
  })

  test('a session without a sandbox is told as such', async () => {
    const { stdout } = await command.run(['doctor', '--set', 'mode=off'], noDocker)
    expect(stdout.split('\n').at(-1)).toBe(
      'NO SANDBOX: with mode off commands run on this machine, and nothing confines them.',
    )
  })

  test('a kernel that takes no filter of system calls makes no sandbox', async () => {
    const number = { x64: 157, arm64: 167 }[process.arch as string]
    if (number === undefined) throw new Error(`the number of ${process.arch} is to be added`)
    const PATH = `${command.world.env.PATH}`
    const directory = PATH.split(':').find((one) => existsSync(join(one, 'bwrap')))
    // prctl with PR_SET_SECCOMP is EINVAL from here on, as where the kernel or an emulator has none.
    const rules = [
      [0x20, 0, 0, 0],
      [0x15, 0, 3, number],
      [0x20, 0, 0, 16],
      [0x15, 0, 1, 22],
      [0x06, 0, 0, 0x50016],
      [0x06, 0, 0, 0x7fff0000],
    ]
    const program = [
      '#!/usr/bin/perl',
      `my $rules = pack "(SCCL)*", ${rules.flat().join(', ')};`,
      `my $filter = pack 'S x![P] P', ${rules.length}, $rules;`,
      `syscall(${number}, 38, 1, 0, 0, 0) and die; syscall(${number}, 22, 2, $filter) and die;`,
      `exec "${directory}/bwrap", @ARGV;`,
    ]
    writeFileSync(join(command.world.temporary, 'bwrap'), program.join('\n'), { mode: 0o755 })
    const { stdout, exitCode } = await command.run(['doctor'], {
      ...noDocker,
      PATH: `${command.world.temporary}:${PATH}`,
    })
    expect(exitCode).toBe(1)
    expect(stdout).toMatch(/ the kernel takes no filter of system calls: .*\n +\u2192 Use a kernel/)
  })

  test('one that works is enough', async () => {
    const { stdout, exitCode } = await command.run(['doctor'], noDocker)
    expect(exitCode).toBe(0)
    expect(stdout).toContain('Sandboxes are made with bubblewrap (backend auto).')
    expect(stdout).toContain('\u2716 engine: ')
    expect(stdout).not.toContain('\u001b')
  })
})

describeWhere('docker', 'doctor, with Docker', () => {
  test('an image that is not there is pulled, so that it keeps nobody from working', async () => {
    const args = ['--backend', 'docker', '--image', 'no.such.host/image:1']
    const { stdout, exitCode } = await command.run(['doctor', ...args])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('! image: no.such.host/image:1 is not on this machine')
    expect(stdout).toContain('\u2192 docker pull no.such.host/image:1')
  })
})
