/** The command and the package: what a person meets before any client does. */
import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { tools } from '../src/tools/all.ts'
import { entry } from './support/stdio-server.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const run = (...args: string[]) => execa(process.execPath, [entry, ...args], { reject: false })
const file = (name: string) => readFileSync(`${root}${name}`, 'utf8')

describe('the command', () => {
  test('--version is the version of the package', async () => {
    const { stdout, exitCode } = await run('--version')
    expect([stdout, exitCode]).toEqual([JSON.parse(file('package.json')).version, 0])
  })

  test('--help fits a screen', async () => {
    const { stdout, exitCode } = await run('--help')
    expect(exitCode).toBe(0)
    const lines = stdout.split('\n')
    expect(lines.length).toBeLessThanOrEqual(24)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100)
  })

  test.each([
    [['--workspce', '/tmp'], '"--workspce"', 'Did you mean --workspace?'],
    [['--backend', 'vmware'], '"vmware"', 'docker, bubblewrap'],
    [['/tmp'], '"/tmp"', '--workspace /tmp'],
    [['--workspace', '/no/such/place'], '"/no/such/place"', 'existing directory'],
    [['--workspace', '/'], 'root of the file system', 'one project'],
    [['--workspace', '/etc'], '/etc', 'one project'],
    [['--workspace', '/tmp', '--network', 'container:x'], 'container:x', 'none, bridge'],
    [['--workspace', '/tmp', '--tool-prefix', 'A-'], '"A-"', 'lower-case'],
    [['--workspace', '/tmp', '--output-limit', '10k'], '"10k"', '30000'],
    [['--workspace', '/tmp', '--agent', '../x'], '"../x"', 'letters'],
  ])('%j is refused with the value, the next step and exit code 2', async (args, value, hint) => {
    const { stdout, stderr, exitCode } = await run(...args)
    expect([exitCode, stdout]).toEqual([2, ''])
    const [message, next, ...more] = stderr.split('\n')
    expect(message).toContain(value)
    expect(next).toContain(hint)
    expect(more).toEqual([])
  })
})

describe('the package', () => {
  test('holds the bundle and nothing else', async () => {
    const { stdout } = await execa('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
    })
    const [packed] = JSON.parse(stdout) as [{ files: { path: string }[]; size: number }]
    const paths = packed.files.map(({ path }) => path.replace(/-[\w-]{8}\.js$/, '-*.js'))
    const chunks = paths.filter((path) => path.startsWith('dist/chunks/'))
    expect(paths.filter((path) => !chunks.includes(path)).sort()).toEqual([
      'LICENSE',
      'README.md',
      'dist/main.js',
      'dist/package.json',
      'package.json',
    ])
    expect(chunks.length).toBeGreaterThan(1)
    // A start reads it whole: what it does not need is in the others.
    expect(statSync(entry).size).toBeLessThan(500_000)
    expect(packed.size).toBeLessThan(1_000_000)
  })

  test('installs nothing along', () => {
    expect(JSON.parse(file('package.json')).dependencies).toBeUndefined()
  })
})

describe('the README', () => {
  const readme = file('README.md')

  test('is short', () => expect(readme.split('\n').length).toBeLessThanOrEqual(121))

  test('names the options there are', async () => {
    const { stdout } = await run('--help')
    const options = new Set(stdout.match(/--[a-z-]+/g))
    const named = new Set(readme.match(/(?<=\| `)--[a-z-]+/g))
    for (const option of ['--help', '--version', '--session']) options.delete(option)
    expect([...named].sort()).toEqual([...options].sort())
  })

  test('names the tools there are', () => {
    for (const { name } of tools) expect(readme).toContain(`\`${name}\``)
  })

  test('has configuration that is JSON', () => {
    const blocks = [...readme.matchAll(/```json\n(.*?)```/gs)].map(([, block]) => block ?? '')
    expect(blocks.length).toBeGreaterThan(0)
    for (const block of blocks) expect(JSON.parse(block)).toHaveProperty('mcpServers.sandbox.args')
  })
})
