/** The scripts do in their shells what they are for. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'
import { shells } from '../../src/cli/commands.ts'
import { newCommand } from './run.ts'

const command = newCommand()
afterAll(() => command.world.remove())

const program = (name: string) =>
  ['/bin', '/usr/bin', '/usr/local/bin']
    .map((one) => join(one, name))
    .find((one) => existsSync(one))

test.each(shells)('the script for %s is one', async (shell) => {
  const { stdout, stderr, exitCode } = await command.run(['completion', shell])
  expect([stderr, exitCode]).toEqual(['', 0])
  expect(stdout).toContain('all-installations')
  const found = program(shell)
  if (found === undefined) return
  const script = join(command.world.temporary, `script.${shell}`)
  writeFileSync(script, stdout)
  const checked = await execa(found, ['-n', script], { reject: false })
  expect([checked.stderr, checked.exitCode]).toEqual(['', 0])
})

test.runIf(program('bash') !== undefined).each([
  ['rec', ['recreate']],
  ['--acc', ['--access']],
  ['--access r', ['rw', 'ro']],
  [
    'prune --',
    ['--idle', '--age', '--workspaces', '--dry-run', '--json', '--config', '--set', '--help'],
  ],
  ['init c', ['claude-desktop', 'claude-code', 'cursor', 'codex']],
  ['completion ', ['bash', 'zsh', 'fish', '--help']],
  ['--workspace dir', ['directory']],
  ['--agent x', []],
])('bash completes "sandbox-mcp %s"', async (line, expected) => {
  mkdirSync(join(command.world.workspace, 'directory'), { recursive: true })
  const { stdout: script } = await command.run(['completion', 'bash'])
  const words = ['sandbox-mcp', ...line.split(' ')]
  const ask = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length - 1}
_sandbox_mcp
printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout } = await execa('bash', ['--noprofile', '--norc', '-c', `${script}\n${ask}`], {
    cwd: command.world.workspace,
  })
  expect(stdout.split('\n').filter((word) => word !== '')).toEqual(expected)
})
