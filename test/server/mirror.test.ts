/** The built server with a mirrored workspace, set up by a file as people have it, on the OpenShell double. */
import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWhere } from '../support/available.ts'
import { type OpenShellDouble, startOpenShellDouble } from '../support/openshell/double.ts'
import {
  newWorld,
  type RunningServer,
  startServer,
  textOf,
  type World,
} from '../support/stdio-server.ts'

describeWhere('openshell-double', 'the server with OpenShell in mirror mode', () => {
  let double: OpenShellDouble
  let world: World
  let server: RunningServer
  beforeAll(async () => {
    double = await startOpenShellDouble()
    world = newWorld()
    Object.assign(world.env, double.env)
    const config = join(world.temporary, 'config.json5')
    writeFileSync(
      config,
      `{
        agents: { defaults: { sandbox: { mode: 'all', backend: 'openshell', workspaceAccess: 'rw' } } },
        plugins: { entries: { openshell: { enabled: true, config: { command: '${double.command}', mode: 'mirror' } } } },
      }`,
    )
    const git = (...args: string[]) => execFileSync('git', args, { cwd: world.workspace })
    mkdirSync(join(world.workspace, 'tool'))
    writeFileSync(
      join(world.workspace, 'tool/package.json'),
      JSON.stringify({ name: 'tool', version: '1.0.0', bin: { 'say-hello': 'hello.js' } }),
    )
    writeFileSync(
      join(world.workspace, 'tool/hello.js'),
      '#!/usr/bin/env node\nconsole.log("hello")\n',
    )
    writeFileSync(
      join(world.workspace, 'package.json'),
      JSON.stringify({ name: 'project', version: '1.0.0', dependencies: { tool: 'file:./tool' } }),
    )
    writeFileSync(join(world.workspace, '.gitignore'), 'node_modules/\nvenv/\n.venv/\napp/\n')
    git('init', '-q')
    git('add', '-A')
    git('-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-qm', 'first')
    server = await startServer(world, ['--config', config])
  })
  afterAll(async () => {
    await server?.close()
    await double?.close()
    world?.remove()
  })
  const sh = async (command: string) => {
    const result = await server.call('exec', { command, yieldMs: 50_000 })
    return { text: textOf(result), result }
  }
  const host = (path: string) => join(world.workspace, path)

  test('links that a package manager makes are links on both sides, and work', async () => {
    const made = await sh(
      'mkdir -p node_modules/.bin && cp -r tool node_modules/tool && chmod +x node_modules/tool/hello.js && ln -s ../tool/hello.js node_modules/.bin/say-hello && ls -l node_modules/.bin',
    )
    expect(made.text).toContain('say-hello -> ../tool/hello.js')
    expect(readlinkSync(host('node_modules/.bin/say-hello'))).toBe('../tool/hello.js')
    expect(statSync(host('node_modules/.bin/say-hello')).mode & 0o111).toBe(0o111)
    expect(execFileSync(host('node_modules/.bin/say-hello'), { encoding: 'utf8' })).toBe('hello\n')
    expect(
      (await sh('readlink node_modules/.bin/say-hello; cat node_modules/.bin/say-hello')).text,
    ).toContain('console.log')
  })

  test('a link out of the workspace, as a Python venv has it, works inside and is not made on the host', async () => {
    const made = await sh(
      'mkdir -p venv/bin && ln -s /usr/bin/env venv/bin/python && echo home > venv/pyvenv.cfg',
    )
    expect(made.text).toContain('leads out of the workspace')
    expect((await sh('venv/bin/python echo works')).text).toContain('works')
    expect(lstatSync(host('venv/bin'), { throwIfNoEntry: false })?.isDirectory()).toBe(true)
    expect(lstatSync(host('venv/bin/python'), { throwIfNoEntry: false })).toBeUndefined()
    expect(readFileSync(host('venv/pyvenv.cfg'), 'utf8')).toBe('home\n')
  })

  test('npm ci leaves a node_modules/.bin that works on both sides, also after later syncs', async ({
    skip,
  }) => {
    if (/exit code [^0]/.test((await sh('npm --version')).text)) skip('the sandbox has no npm')
    mkdirSync(host('app'))
    const npm = (...args: string[]) =>
      execFileSync('npm', [...args, '--offline', '--no-audit', '--no-fund'], {
        cwd: host('app'),
        stdio: 'pipe',
      })
    npm('pack', host('tool'))
    const dependencies = { tool: 'file:tool-1.0.0.tgz' }
    writeFileSync(host('app/package.json'), JSON.stringify({ name: 'app', dependencies }))
    npm('install', '--package-lock-only')
    const made = await sh(
      'cd app && npm ci --offline --no-audit --no-fund && node_modules/.bin/say-hello',
    )
    expect(made.text).toMatch(/hello\n\n\[exit code 0/)
    expect(execFileSync(host('app/node_modules/.bin/say-hello'), { encoding: 'utf8' })).toBe(
      'hello\n',
    )
    writeFileSync(host('app/index.js'), "console.log(require.resolve('tool/package.json'))\n")
    const later = await sh('cd app && npx --offline say-hello && node index.js')
    expect(later.text).toMatch(/^hello$/m)
    expect(later.text).toMatch(/\/app\/node_modules\/tool\/package\.json\n\n\[exit code 0/)
  })

  test('a Python venv works, and goes on to', async ({ skip }) => {
    if (/exit code [^0]/.test((await sh('python3 -c "import venv"')).text))
      skip('the sandbox has no venv')
    await sh(
      'python3 -m venv --without-pip .venv && cd .venv/lib/python3*/site-packages && echo "answer = 42" > found.py',
    )
    writeFileSync(host('app/main.py'), 'import sys, found\nprint(sys.prefix, found.answer)\n')
    for (let i = 0; i < 2; i++) {
      const { text } = await sh('. .venv/bin/activate && python app/main.py')
      expect(text).toMatch(/^\S+\/\.venv 42\n/)
    }
  })

  test('a git checkout on the host is clean but for what the command has changed', async () => {
    const stamp = statSync(host('tool/package.json')).mtimeMs
    await sh('echo "// more" >> tool/hello.js; ls -a')
    const status = execFileSync('git', ['status', '--porcelain'], {
      cwd: world.workspace,
      encoding: 'utf8',
    })
    expect(status).toBe(' M tool/hello.js\n')
    expect(statSync(host('tool/package.json')).mtimeMs).toBe(stamp)
    expect((await sh('ls -a')).text).not.toMatch(/^\.git$/m)
  })

  test('an editor that saves what a command writes keeps its version, and the result links to the other', async () => {
    const started = await server.call('exec', {
      command: 'read line; echo "by the command" > notes.txt',
      background: true,
    })
    const id = (started.structuredContent as { id: string }).id
    writeFileSync(host('notes.txt'), 'by the editor\n')
    const written = await server.call('process', { action: 'write', id, data: 'go\n' })
    const polled = await server.call('process', { action: 'poll', id, waitMs: 20_000 })
    const told = [...written.content, ...polled.content]
    const link = told.find((block) => block.type === 'resource_link')
    expect(readFileSync(host('notes.txt'), 'utf8')).toBe('by the editor\n')
    expect(told.map((block) => (block.type === 'text' ? block.text : '')).join('\n')).toContain(
      'was changed on the host and in the sandbox',
    )
    expect(link).toMatchObject({
      uri: expect.stringMatching(/^workspace:\/\/\/notes\.sandbox-conflict-/),
    })
    const { contents } = await server.client.readResource({ uri: (link as { uri: string }).uri })
    expect(contents[0]).toMatchObject({ text: 'by the command\n' })
  })

  test('the server tells the model where the files are', () => {
    expect(server.client.getInstructions()).toContain("the user's project in /workspace")
    expect(server.client.getInstructions()).toContain('/sandbox')
  })
})
